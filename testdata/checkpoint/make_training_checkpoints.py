"""Writes what training programs save around a state_dict into this folder (or the folder given as argument).

Needs torch (1.13 was used) and numpy. The weights are those of protocol2.bin, so protocols.safetensors has the tensors
that a reader must find.
"""

import argparse
import datetime
import enum
import functools
import os
import pathlib
import random
import struct
import sys
import types
from collections import Counter, OrderedDict, defaultdict

import numpy
import torch

HERE = pathlib.Path(__file__).resolve().parent
OUT = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE


class Schedule(enum.Enum):
    COSINE = 1


class Settings(dict):
    pass


def main():
    random.seed(1)
    numpy.random.seed(1)
    torch.manual_seed(1)
    weights = OrderedDict(torch.load(HERE / "protocol2.bin"))

    # Objects of any class beside the weights: plain data, functions, an optimizer, states of random generators.
    module = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    arguments = argparse.Namespace(
        path=pathlib.PurePosixPath("/data"), device=torch.device("cpu"), dtype=torch.float16, schedule=Schedule.COSINE,
        started=datetime.datetime(2026, 12, 1), settings=Settings(lr=1e-3), large=2**100, complex=1 + 2j, data=b"abc",
        array=bytearray(b"abc"), frozen=frozenset([1]), numbers={1, 2}, slice=slice(1, 2), function=os.path.join,
        partial=functools.partial(int, base=2), scalar=numpy.float32(3), vector=numpy.arange(3), size=torch.Size([1]),
        space=types.SimpleNamespace(a=1), lists=defaultdict(list, {1: [2]}), counts=Counter("abc"), text="x" * 70000)
    around = {"epoch": 3, "args": arguments, "optimizer": optimizer.state_dict(), "rng_state": torch.get_rng_state(),
              "numpy": numpy.random.get_state(), "generator": numpy.random.default_rng(1), "python": random.getstate(),
              ("a", 1): None, 0.5: "half"}
    for protocol in (2, 4):
        torch.save({**around, "model": weights}, OUT / f"training{protocol}.bin", pickle_protocol=protocol)
    torch.save({"epoch": 3, "state_dict": {"module": weights, "ema": weights}}, OUT / "nested-twice.bin")
    torch.save({"net": weights, "rng_state": torch.get_rng_state()[:16]}, OUT / "other-key.bin")
    doubled = {name: 2 * tensor for name, tensor in weights.items()}
    torch.save({"model": weights, "module": doubled}, OUT / "two-models.bin")

    # Parameters with attributes, as tensor parallelism sets them; defaultdict in place of dict; other values inside.
    parameters = defaultdict(int)
    for name, tensor in weights.items():
        parameters[name] = torch.nn.Parameter(tensor)
        parameters[name].tensor_model_parallel = False
    parameters["_extra_state"] = None
    torch.save(parameters, OUT / "attributes.bin")

    # Bytes appended after the archive.
    (OUT / "padded.bin").write_bytes((HERE / "protocol2.bin").read_bytes() + bytes(100))

    # Rows of one element, of one row; their contiguous values.
    rows = {"element": torch.tensor([2.75]).expand(5), "row": torch.arange(3.0).expand(4, 3),
            "column": torch.arange(4.0)[:, None].expand(4, 3)}
    torch.save(rows, OUT / "rows.bin")
    header, data = "", b""
    for name, tensor in rows.items():
        values = tensor.flatten().tolist()
        end = len(data) + 4 * len(values)
        header += f',"{name}":{{"dtype":"F32","shape":{list(tensor.shape)},"data_offsets":[{len(data)},{end}]}}'
        data += struct.pack(f"<{len(values)}f", *values)
    header = ("{" + header[1:] + "}").encode()
    (OUT / "rows.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)


main()
