"""Writes adamw_float32.json next to each checkpoint in a folder: how far six steps of AdamW in float32 are from float64.

usage: make_adamw.py [FOLDER]    FOLDER contains the cases; default: the folder of this file

The file has the relative differences between PyTorch's float32 and float64 runs: of the loss and the gradient norm at each
step, and of each weight, by its released name, after the last step (L2 norm of the difference divided by that of the weight).
A test that compares a float32 engine with the float64 run allows twice as much, since some cases are chaotic. The float64 run
is compared with golden.safetensors. Needs torch, safetensors, PyYAML.
"""

import json
import pathlib
import sys

import torch
import yaml
from safetensors.torch import load_file

sys.dont_write_bytecode = True
from make_thetas import run

STEPS = 6


def train(weights, settings, ids, dtype):
    """Returns the losses, the gradient norms before clipping, and the weights after the last step."""
    weights = {name: w.detach().to(dtype).requires_grad_() for name, w in weights.items()}
    matrices = [w for w in weights.values() if w.dim() == 2]
    vectors = [w for w in weights.values() if w.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        lr=1e-3,
        betas=(0.9, 0.95),
        eps=1e-8,
    )
    losses, norms = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        logits, _ = run(weights, settings, ids[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(weights.values(), 1.0).double())
        losses.append(loss.detach().double())
        optimizer.step()
    return torch.stack(losses), torch.stack(norms), {n: w.detach().double() for n, w in weights.items()}


def distance(a, b):
    return ((a - b).norm() / b.norm()).item()


def main(root):
    for golden_file in sorted(root.glob("*/golden.safetensors")):
        folder = golden_file.parent
        settings = yaml.safe_load((folder / "config.yml").read_text())
        weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
        golden = load_file(golden_file)
        ids = golden["ids"].long()
        losses, norms, after = train(weights, settings, ids, torch.float64)
        error = max(
            distance(losses, golden["adamw.losses"]),
            distance(norms, golden["adamw.grad_norms"]),
            *(distance(after[n], golden["adamw.after6." + n].double()) for n in after),
        )
        assert error < 1e-6, f"{folder.name}: the float64 run differs by {error}"
        losses32, norms32, after32 = train(weights, settings, ids, torch.float32)
        differences = {
            "losses": ((losses32 - losses) / losses).abs().tolist(),
            "grad_norms": ((norms32 - norms) / norms).abs().tolist(),
            "weights": {n: distance(after32[n], after[n]) for n in sorted(after)},
        }
        rounded = json.loads(json.dumps(differences), parse_float=lambda x: float(f"{float(x):.3g}"))
        (folder / "adamw_float32.json").write_text(json.dumps(rounded, indent=1) + "\n")
        largest = {
            "losses": max(rounded["losses"]),
            "norms": max(rounded["grad_norms"]),
            "weights": max(rounded["weights"].values()),
        }
        print(f"{folder.name}: float64 to {error:.1e}; float32 differs by {largest}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
