"""Writes thetas.safetensors next to each checkpoint in this folder: θ computed by PyTorch in float64.

The file has a (2, N) tensor for each Pattention, by its released name: the mean of |θ| over all rows of the golden ids, and
θ of their last row. The resulting logits are compared with golden.safetensors. Needs torch, safetensors, PyYAML.
"""

import math
import pathlib

import torch
import yaml
from safetensors.torch import load_file, save_file

torch.set_default_dtype(torch.float64)


def theta(kind, s):
    n = s.shape[-1]
    if kind == "softmax":
        return n * torch.softmax(s, -1)
    if kind == "l2_norm_gelu":
        return torch.nn.functional.gelu(s / s.norm(dim=-1, keepdim=True) * math.sqrt(n))
    g = torch.nn.functional.gelu(s)
    return g / g.norm(dim=-1, keepdim=True) * math.sqrt(n)


def rotate(x, fraction, base):
    """x is (B, T, H, D); rotates the first R channels of each head in pairs (i, i + R/2)."""
    rotated = int(x.shape[-1] * fraction)
    half = rotated // 2
    angles = torch.arange(x.shape[1])[:, None] * base ** (-torch.arange(half) * 2 / rotated)
    cos, sin = (y[None, :, None].to(x.dtype) for y in (angles.cos(), angles.sin()))
    a, b, rest = x[..., :half], x[..., half:rotated], x[..., rotated:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)


def run(weights, settings, ids):
    """Returns the logits, and θ of each Pattention by its released name."""
    seen = {}
    layers, heads = settings["num_layers"], settings["num_attention_heads"]

    def pattention(name, x):
        keys, values = (weights[f"{name}.{what}_param_tokens"] for what in ("key", "value"))
        seen[name] = theta(settings["norm_activation_type"], x @ keys.T)
        return seen[name] @ values

    def norm(x, *weight_and_bias):
        return torch.nn.functional.layer_norm(x, x.shape[-1:], *weight_and_bias, eps=1e-5)

    embedding = weights["sequential.0.word_embeddings.weight"]
    x = embedding[ids]
    for layer in range(2, layers + 2):
        attention = f"sequential.{layer}.attention"
        q, k, v = (
            pattention(f"{attention}.{which}", norm(x)).unflatten(-1, (heads, -1))
            for which in ("query", "key", "value")
        )
        q, k = (rotate(y, settings["rotary_pct"], settings["rotary_emb_base"]) for y in (q, k))
        found = torch.nn.functional.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True
        )
        x = x + pattention(f"{attention}.proj", found.transpose(1, 2).flatten(2))
        x = x + pattention(f"sequential.{layer}.mlp", norm(x))
    last = f"sequential.{layers + 3}.norm"
    x = norm(x, weights[f"{last}.weight"], weights[f"{last}.bias"])
    head = weights.get(f"sequential.{layers + 4}.final_linear.weight", embedding)
    return x @ head.T, seen


def main():
    for folder in sorted(pathlib.Path(__file__).parent.glob("*/")):
        settings = yaml.safe_load((folder / "config.yml").read_text())
        weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
        golden = load_file(folder / "golden.safetensors")
        logits, seen = run({n: w.double() for n, w in weights.items()}, settings, golden["ids"][:, :-1])
        error = (logits - golden["logits_f64"]).abs().max().item()
        assert error < 1e-9, f"{folder.name}: logits differ by {error}"
        thetas = {
            name: torch.stack([t.abs().flatten(0, -2).mean(0), t[-1, -1]]) for name, t in seen.items()
        }
        save_file(thetas, folder / "thetas.safetensors")
        print(f"{folder.name}: {len(thetas)} Pattentions, logits to {error:.1e}")


if __name__ == "__main__":
    main()
