"""Runs PyTorch, numpy or HF tokenizers as a peer of compare.py. The protocol is that of the Java class Turns:
each line on standard input requests work, and the answer is the median time of its runs in seconds.

usage: torch_peer.py gemm torch|numpy THREADS              lines: M N K
       torch_peer.py encode TOKENIZER TEXT
       torch_peer.py train PRESET BATCH SEQUENCE eager|compile THREADS
       torch_peer.py prefill PRESET THREADS                lines: TOKENS
       torch_peer.py decode PRESET THREADS                 lines: DEPTH
"""

import os
import sys
import time

TURN = 0.3


def seconds(run):
    times = []
    start = before = time.perf_counter()
    while not times or before - start < TURN:
        run()
        now = time.perf_counter()
        times.append(now - before)
        before = now
    return sorted(times)[len(times) // 2]


def serve(turn, size=0):
    print("ready", size, flush=True)
    for line in sys.stdin:
        print(turn(*map(int, line.split())), flush=True)


def gemm(program, threads):
    os.environ["OPENBLAS_NUM_THREADS"] = threads
    import numpy as np
    import torch

    torch.set_num_threads(int(threads))
    operands = {}

    def turn(m, n, k):
        if (m, n, k) not in operands:
            a, b = np.random.rand(m, k).astype(np.float32), np.random.rand(n, k).astype(np.float32)
            operands[m, n, k] = a, b, torch.from_numpy(a), torch.from_numpy(b), torch.empty(m, n)
        a, b, x, y, z = operands[m, n, k]
        return seconds((lambda: torch.mm(x, y.t(), out=z)) if program == "torch" else (lambda: a @ b.T))

    serve(turn)


def encode(tokenizer, text):
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["RAYON_NUM_THREADS"] = "1"
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(tokenizer)
    with open(text, encoding="utf-8", newline="") as file:
        documents = file.read().split("\n<|endoftext|>\n")
    serve(lambda: seconds(lambda: [loaded.encode(document).ids for document in documents]), os.path.getsize(text))


def model(preset, threads):
    import torch
    import tokenformer_torch as tf

    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    return tf.TokenFormer(tf.SIZES[preset])


def train(preset, batch, sequence, how, threads):
    import torch

    m = model(preset, threads)
    optimizer = torch.optim.AdamW(m.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    loss = torch.compile(m.loss) if how == "compile" else m.loss
    shape = int(batch), int(sequence)

    def step():
        ids, targets = torch.randint(0, m.c.vocabulary, shape), torch.randint(0, m.c.vocabulary, shape)
        optimizer.zero_grad()
        loss(ids, targets).backward()
        torch.nn.utils.clip_grad_norm_(m.parameters(), 1.0)
        optimizer.step()

    for _ in range(3):
        step()
    serve(lambda: seconds(step))


def run(kind, preset, threads):
    import torch

    m = model(preset, threads).eval()
    size = sum(p.numel() * 4 for p in m.parameters())

    def turn(number):
        caches = [[] for _ in m.blocks]
        ids = torch.zeros((1, number), dtype=torch.long)
        if kind == "prefill":
            return seconds(lambda: m(ids, [[] for _ in m.blocks], last=True))
        if number:
            m(ids, caches, last=True)
        one = torch.ones((1, 1), dtype=torch.long)
        # A step appends to a copy of the lists, so every step starts from the same caches.
        return seconds(lambda: m(one, [list(cache) for cache in caches]))

    with torch.inference_mode():
        serve(turn, size)


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:] or [""]
    works = {"gemm": gemm, "encode": encode, "train": train}
    if kind in works:
        works[kind](*arguments)
    elif kind in ("prefill", "decode"):
        run(kind, *arguments)
    else:
        sys.exit(__doc__)
