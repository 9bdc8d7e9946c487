#!/usr/bin/env python3
"""Compares readers with their references in Python, on random texts and on valid files with random damage.

differential.py tokenizer CASES SEED TOKENIZER.json    ids, with HF tokenizers
differential.py safetensors CASES SEED FILE...         all tensors, with safetensors
differential.py torch CASES SEED FILE...               all tensors, with torch.load(weights_only=True)

Python rejects and Java reads, or both read different values: a finding, and exit code 1. Java may reject what Python
reads; the reasons are counted. DIFFERENTIAL_JAVA is the command that starts Java with the class path of the tests.
"""
import collections, hashlib, io, os, random, shlex, struct, subprocess, sys, tempfile, unicodedata, zipfile

DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
          "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL"}
# Objects of classes that torch.load does not know: Java makes nothing of them and leaves them out.
OTHER_OBJECTS = ("Unsupported global", "codec can't decode byte")


def random_text(rng):
    """A text of words, spaces, digits and characters from all of Unicode, also unassigned ones."""
    pieces = []
    for _ in range(rng.randrange(1, 30)):
        kind = rng.randrange(8)
        if kind == 0:
            pieces.append(rng.choice([" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "\x85", "\x00", "\ufeff"]))
        elif kind == 1:
            pieces.append("".join(chr(rng.randrange(0x20, 0x7f)) for _ in range(rng.randrange(1, 8))))
        elif kind == 2:
            pieces.append(rng.choice(["'s", "'LL", "'re", "<|endoftext|>", "<|padding|>", "don't", "12345", "e\u0301", "\u1100\u1161\u11a8"]))
        elif kind == 3:
            pieces.append("".join(chr(rng.randrange(0x300, 0x370)) for _ in range(rng.randrange(1, 4))))
        elif kind == 4:
            start = rng.randrange(0x100, 0x3000)
            pieces.append("".join(chr(start + rng.randrange(64)) for _ in range(rng.randrange(1, 8))))
        elif kind == 5:
            pieces.append(chr(rng.choice([rng.randrange(0x3000, 0xd800), rng.randrange(0xe000, 0x20000), rng.randrange(0x20000, 0x110000)])))
        elif kind == 6:
            pieces.append(rng.choice("once upon a time there was king".split()).title() + " ")
        else:
            pieces.append(unicodedata.normalize(rng.choice(["NFD", "NFKD"]), chr(rng.randrange(0xc0, 0x2000))))
    return "".join(pieces)


def damaged(data, rng):
    """One to three changes of bytes, numbers or pieces."""
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data)) if data else 0
        kind = rng.randrange(7)
        if kind == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[at] = rng.choice(b"0123456789[]{}\",:.()-\x00\xff")
        elif kind == 2:
            del data[at:at + rng.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 5)))
        elif kind == 4:
            start = rng.randrange(len(data) + 1)
            data[at:at] = data[start:start + rng.randrange(1, 40)]
        elif kind == 5:
            start = rng.randrange(len(data) + 1)
            piece = data[start:start + rng.randrange(1, 16)]
            data[at:at + len(piece)] = piece
        elif kind == 6 and rng.randrange(4) == 0:
            del data[at:]
    return bytes(data)


def damaged_safetensors(data, rng):
    """Half of the files have a damaged header with the right length."""
    if rng.randrange(2):
        return damaged(data, rng)
    length = struct.unpack("<Q", data[:8])[0]
    header = damaged(data[8:8 + length], rng)
    return struct.pack("<Q", len(header)) + header + data[8 + length:]


def damaged_torch(data, rng):
    """Most archives are valid and have a damaged pickle."""
    if rng.randrange(4) == 0:
        return damaged(data, rng)
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info.filename, damaged(content, rng) if info.filename.endswith("/data.pkl") else content)
    return target.getvalue()


def digest(tensors):
    """The hash that Java prints. tensors: name -> (dtype, shape, bytes)"""
    sha = hashlib.sha256()
    for name in sorted(tensors, key=lambda text: text.encode("utf-16-be", "surrogatepass")):
        dtype, shape, data = tensors[name]
        sha.update(f"{name}\0{dtype}{str(list(shape)).replace(' ', '')}\0".encode("utf-8", "replace"))
        sha.update(data)
    return sha.hexdigest()


def read_safetensors(data):
    import safetensors
    return {digest({name: (info["dtype"], info["shape"], bytes(info["data"])) for name, info in safetensors.deserialize(data)})}


def dicts(value):
    """All dicts in a value."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from dicts(inner)


def read_torch(data):
    """The hash of each dict of tensors that could be meant."""
    import torch
    hashes = set()
    for found in dicts(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)):  # any device
        tensors = {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, torch.Tensor)}
        hashes.add(digest({name: (DTYPES.get(str(value.dtype)[6:]), value.shape,
                                  value.detach().resolve_conj().resolve_neg().contiguous().flatten().view(torch.uint8).numpy().tobytes())
                           for name, value in tensors.items()}))
    return hashes


def main():
    kind, cases, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    if kind == "tokenizer":
        import tokenizers
        tokenizer = tokenizers.Tokenizer.from_file(sys.argv[4])
        inputs = [random_text(rng).encode() for _ in range(cases)]
        read = lambda data: {str(tokenizer.encode(data.decode(), add_special_tokens=False).ids)}
    else:
        damage, read = {"safetensors": (damaged_safetensors, read_safetensors), "torch": (damaged_torch, read_torch)}[kind]
        files = [open(name, "rb").read() for name in sys.argv[4:]]
        inputs = [damage(rng.choice(files), rng) for _ in range(cases)]
    with tempfile.NamedTemporaryFile() as file:
        for data in inputs:
            file.write(struct.pack(">I", len(data)) + data)
        file.flush()
        command = shlex.split(os.environ["DIFFERENTIAL_JAVA"]) + ["org.tokenformer.cli.fuzz.Differential", kind, file.name]
        lines = subprocess.run(command + sys.argv[4:5], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    assert len(lines) == cases, f"{len(lines)} lines for {cases} cases"
    counts, findings = collections.Counter(), 0
    for number, (data, line) in enumerate(zip(inputs, lines)):
        try:
            expected = read(data)
        except Exception as e:  # any of the reference's
            lines_of = str(e).replace("Please file an issue", "\n").split("WeightsUnpickler error:")[-1].strip().splitlines()
            expected, reason = None, f"{type(e).__name__}: {lines_of[0] if lines_of else ''}"
        if line.startswith("rejected: "):
            kept = line.split(": ")[1]
            counts["both reject" if expected is None else f"only Java rejects: {kept}"] += 1
            if expected is not None and counts[f"only Java rejects: {kept}"] <= 2:
                print(f"case {number}: {line}")
        elif expected is not None and line in expected:
            counts["equal"] += 1
        elif expected is None and any(words in reason for words in OTHER_OBJECTS):
            counts["only Python rejects: objects of other classes, which Java leaves out"] += 1
        else:
            findings += 1
            what = "different values" if expected else f"only Python rejects: {reason}"
            counts[what] += 1
            if counts[what] <= 2:
                print(f"FINDING case {number}: {what}")
                open(f"{tempfile.gettempdir()}/differential-{kind}-{seed}-{number}", "wb").write(data)
    for what, count in sorted(counts.items()):
        print(f"{count:8d} {what}")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
