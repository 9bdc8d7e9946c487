"""TokenFormer written in idiomatic PyTorch, as a baseline for the engine's speed."""

import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    layers: int
    hidden: int
    heads: int
    qkv: int
    proj: int
    ffn: int
    vocabulary: int = 50304
    rotary_pct: float = 0.25
    rotary_base: float = 10000
    epsilon: float = 1e-5


SIZES = {
    "laptop-15M": Config(6, 384, 6, 384, 384, 1536, vocabulary=4096),
    "150M": Config(12, 768, 12, 768, 768, 3072),
    "450M": Config(24, 1024, 16, 1024, 1024, 4096),
    "900M": Config(32, 1280, 16, 1280, 1280, 5120),
    "1.5B": Config(40, 1536, 16, 1536, 1536, 6144),
}


class Pattention(nn.Module):
    def __init__(self, c, tokens):
        super().__init__()
        self.keys = nn.Parameter(torch.randn(tokens, c.hidden) * 0.02)
        self.values = nn.Parameter(torch.randn(tokens, c.hidden) * 2 / c.layers / math.sqrt(c.hidden))
        self.tau = math.sqrt(tokens)

    def forward(self, x):
        s = x @ self.keys.t()
        return F.gelu(s / s.norm(p=2, dim=-1, keepdim=True) * self.tau) @ self.values


def rotate(x, start, channels, base):
    """Rotates the first channels of each head of x (B, H, T, D), in pairs (i, i + channels / 2)."""
    frequencies = 1.0 / (base ** (torch.arange(0, channels, 2, dtype=torch.float64) / channels))
    angles = torch.outer(torch.arange(start, start + x.shape[2], dtype=torch.float64), frequencies)
    cos = torch.cat((angles, angles), -1).cos().to(x.dtype)
    sin = torch.cat((angles, angles), -1).sin().to(x.dtype)
    first, rest = x[..., :channels], x[..., channels:]
    a, b = first.chunk(2, -1)
    return torch.cat((first * cos + torch.cat((-b, a), -1) * sin, rest), -1)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.query, self.key, self.value = (Pattention(c, c.qkv) for _ in range(3))
        self.proj, self.ffn = Pattention(c, c.proj), Pattention(c, c.ffn)
        self.rotated = int(c.hidden // c.heads * c.rotary_pct)

    def attend(self, x, cache):
        c = self.c
        batch, length, width = x.shape
        q, k, v = (
            p(x).view(batch, length, c.heads, width // c.heads).transpose(1, 2)
            for p in (self.query, self.key, self.value)
        )
        start = cache[0].shape[2] if cache else 0
        q, k = rotate(q, start, self.rotated, c.rotary_base), rotate(k, start, self.rotated, c.rotary_base)
        if cache is not None:
            if cache:
                k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
            cache[:] = [k, v]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=length > 1)
        return self.proj(y.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x, cache=None):
        shape = (self.c.hidden,)
        x = x + self.attend(F.layer_norm(x, shape, eps=self.c.epsilon), cache)
        return x + self.ffn(F.layer_norm(x, shape, eps=self.c.epsilon))


class TokenFormer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embedding = nn.Embedding(c.vocabulary, c.hidden)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = nn.LayerNorm(c.hidden, eps=c.epsilon)

    def forward(self, ids, caches=None, last=False):
        x = self.embedding(ids)
        for i, block in enumerate(self.blocks):
            x = block(x, None if caches is None else caches[i])
        x = self.norm(x[:, -1:] if last else x)
        return x @ self.embedding.weight.t()

    def loss(self, ids, targets):
        return F.cross_entropy(self(ids).flatten(0, 1), targets.flatten())
