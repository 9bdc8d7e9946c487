"""Writes the fixtures into this folder (or into the folder given as argument).

Needs torch and safetensors; see README.md for the versions. Each X.bin is a checkpoint
written by torch.save. X.safetensors has the tensors that a reader of X.bin must find, made
contiguous and written by the safetensors package.
"""

import pathlib
import sys
import zipfile
from collections import OrderedDict

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
HERE = HERE if HERE.is_dir() else HERE.parent


def expect(name, tensors):
    save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()},
              HERE / f"{name}.safetensors", metadata={"format": "pt"})


def main():
    torch.manual_seed(20250101)

    # Every element type, including special values.
    special = [0.0, -0.0, 1.0, -1.5, 65504.0, 1e-7, float("inf"), float("-inf"), float("nan")]
    dtypes = {
        "f64": torch.randn(3, 5, dtype=torch.float64),
        "f32": torch.randn(3, 5),
        "f16": torch.tensor(special, dtype=torch.float16),
        "bf16": torch.tensor(special, dtype=torch.bfloat16),
        "i64": torch.tensor([-(2**63), 2**63 - 1]),
        "i32": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
        "i16": torch.tensor([-(2**15), 2**15 - 1], dtype=torch.int16),
        "i8": torch.tensor([-128, 127, 0], dtype=torch.int8),
        "u8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
    }
    torch.save(dtypes, HERE / "dtypes.bin")
    expect("dtypes", dtypes)

    # Conversions by torch, including ties and overflow; without NaN, whose bits are unspecified.
    near = torch.arange(-6, 6, dtype=torch.float64)
    ties = torch.cat([1 + near * 2.0**-k for k in (8, 9, 11, 12)])
    scales = 2.0 ** torch.tensor([-149.0, -133, -126, -24, -14, 0, 15, 127], dtype=torch.float64)
    ends = torch.tensor([0.0, float("inf")], dtype=torch.float64)
    floats = torch.cat([(ties[:, None] * scales).flatten(), ends])
    floats = torch.cat([floats, -floats]).to(torch.float32)
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    conversions = {name.lower(): floats.to(dtype) for name, dtype in types.items()}
    conversions["f64"] = floats.to(torch.float64)
    for name, source in list(conversions.items()):
        for label, dtype in types.items():
            conversions[f"{name}_to_{label}"] = source.to(dtype)
    expect("conversions", conversions)

    # Views of one storage, and edge-case shapes.
    base = torch.randn(4, 6)
    views = {
        "base": base,
        "transposed": base.t(),
        "rows": base[1:3],
        "columns": base[:, 2:5],
        "every_other": base[::2, ::3],
        "same": base,
        "permuted": torch.randn(2, 3, 4, dtype=torch.float64).permute(2, 0, 1),
        "half_transposed": torch.randn(3, 2).to(torch.float16).t(),
        "bytes_transposed": torch.arange(6, dtype=torch.uint8).reshape(2, 3).t(),
        "one_row": torch.randn(5, 7)[:, 3:4].t(),
        "scalar": torch.tensor(3.25),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
    }
    torch.save(views, HERE / "views.bin")
    expect("views", views)

    # A module's state_dict (an OrderedDict with _metadata) at each protocol.
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    for protocol in (2, 3, 4, 5):
        torch.save(module.state_dict(), HERE / f"protocol{protocol}.bin", pickle_protocol=protocol)
    expect("protocols", module.state_dict())

    # Under a key, among other values.
    torch.save({"epoch": 3, "loss": 0.5, "done": True, "args": ["x", None, (1, 2)],
                "state_dict": module.state_dict()}, HERE / "nested.bin")

    # Without checksums.
    torch.serialization.set_crc32_options(False)
    torch.save(module.state_dict(), HERE / "no-checksums.bin")
    torch.serialization.set_crc32_options(True)

    # Files that must be refused.
    torch.save(module.state_dict(), HERE / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save(module, HERE / "whole-module.bin")

    class Command:
        def __reduce__(self):
            import os
            return os.system, ("touch executed",)

    torch.save(OrderedDict(weight=torch.zeros(2), run=Command()), HERE / "os-system.bin")
    torch.save({"c": torch.zeros(2, dtype=torch.complex64)}, HERE / "complex.bin")
    torch.save({"negated": torch.tensor([1 + 2j]).conj().imag}, HERE / "negated.bin")
    torch.save({"expanded": torch.ones(1).expand(1 << 40)}, HERE / "expanded.bin")
    with zipfile.ZipFile(HERE / "protocol2.bin") as source:
        with zipfile.ZipFile(HERE / "deflated.bin", "w", zipfile.ZIP_DEFLATED) as target:
            for info in source.infolist():
                target.writestr(zipfile.ZipInfo(info.filename), source.read(info),
                                zipfile.ZIP_DEFLATED)


main()
