"""Writes the tokenizer goldens, computed by HF tokenizers: for each configuration a folder with tokenizer.json
and cases.jsonl, one case {"text", "ids", "decoded", "skipped"} per line ("skipped": decoded without special tokens);
and trained/: random text, and the tokenizers that HF's trainer produces from it.
usage: make_goldens.py BASE_TOKENIZER.json OUT_FOLDER [--seed N] [--cases N]
BASE is a small byte-level tokenizer with 494 model tokens and six added ones (see README.md)."""
import argparse, copy, json, os, random
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4 = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s*[\r\n]|\s+(?!\S)|\s+"
GPT4O = "|".join([r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                  r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                  r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
THREE = [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+", r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]


def split(pattern, invert=False):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": invert}


def byte_level(prefix=False, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def token(content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=False):
    return dict(content=content, single_word=single_word, lstrip=lstrip, rstrip=rstrip, normalized=normalized, special=special)


def renumber(d):
    """assigns ids to added tokens as HF does: the id in the model, otherwise consecutive ids from its size"""
    n = len(d["model"]["vocab"])
    for t in d["added_tokens"]:
        t["id"] = d["model"]["vocab"].get(t["content"], n)
        n += t["id"] == n
    return d


def more_tokens(d, *tokens, drop=True):
    if drop:
        d["added_tokens"] = d["added_tokens"][:2]
    d["added_tokens"] += list(tokens)


def without(d, symbols):
    """removes these tokens and the merges that need them from the model"""
    keep = [m for m in d["model"]["merges"] if not any(s in "".join(m) for s in symbols)]
    words = [w for w in d["model"]["vocab"] if not any(s in w for s in symbols) or w.startswith("<|")]
    d["model"]["merges"], d["model"]["vocab"] = keep, {w: i for i, w in enumerate(words)}


def configurations(base):
    def make(change):
        d = copy.deepcopy(base)
        change(d)
        return renumber(d)

    flags = [token(f"<{'s' * s}{'l' * l}{'r' * r}{'n' * n}{'x' * x}>", bool(s), bool(l), bool(r), bool(n), bool(x))
             for s in (0, 1) for l in (0, 1) for r in (0, 1) for n in (0, 1) for x in (0, 1)]
    words = [token("ab", single_word=True), token("abc", normalized=True), token("é", lstrip=True, normalized=True), token("e\u0301x", normalized=True),
             token("e\u0301y"), token("x", single_word=True, lstrip=True, rstrip=True, normalized=True), token("\u00a0", special=True),
             token("\u0301", normalized=True), token("Ġq"), token("中文", rstrip=True, special=True), token("  ", rstrip=True, normalized=True), token(" z", normalized=True)]
    yield "base", make(lambda d: None)
    yield "flags", make(lambda d: more_tokens(d, *flags))
    yield "words", make(lambda d: more_tokens(d, *words))
    yield "eaten", make(lambda d: more_tokens(d, token("Q", rstrip=True), token(" ", normalized=False), token(" R"), token("QR", lstrip=True), token("\n", lstrip=True, rstrip=True)))
    yield "no-normalizer", make(lambda d: d.update(normalizer=None))
    yield "prefix-space", make(lambda d: d.update(pre_tokenizer=byte_level(True), normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}]}))
    yield "no-regex", make(lambda d: d.update(pre_tokenizer=byte_level(regex=False)))
    yield "llama3", make(lambda d: (d.update(pre_tokenizer=sequence(split(LLAMA3), byte_level(regex=False)), normalizer=None), d["model"].update(ignore_merges=True)))
    yield "qwen2", make(lambda d: d.update(pre_tokenizer=sequence(split(QWEN2), byte_level(regex=False))))
    yield "gpt4", make(lambda d: d.update(pre_tokenizer=sequence(split(GPT4), byte_level(regex=False))))
    yield "gpt4o", make(lambda d: d.update(pre_tokenizer=sequence(split(GPT4O, invert=True), byte_level(regex=False))))
    yield "three-splits", make(lambda d: d.update(pre_tokenizer=sequence(*map(split, THREE), byte_level(regex=False))))
    yield "split-prefix", make(lambda d: d.update(pre_tokenizer=sequence(split(r"\p{Lu}\p{Ll}*"), byte_level(True))))
    yield "missing-bytes", make(lambda d: without(d, ["!", "Ã", "é", "d", "Ċ"]))

    def unreachable(d):
        extra = ["Ġunreachable", "zzzz", "Ġthexx", "..!", "ĠĠĠĠĠĠĠĠ", "éĥ"]
        d["model"]["vocab"].update({w: len(d["model"]["vocab"]) + i for i, w in enumerate(extra)})
        d["model"].update(ignore_merges=True, merges=[" ".join(m) for m in d["model"]["merges"]])
        more_tokens(d)
    yield "ignore-merges", make(unreachable)


def texts(r, n, contents):
    yield from ["", " ", "  ", "a", "\n", "'s", "'", "' s", "it's IT'S 'll'LL x'ſ 'ſ '\u212a we'Re", "a\u0301", "\u0301", "a" * 130, " " * 130, "é" * 130, "ab " * 50,
                "zzzz zzzzz ..! ..!! unreachable thexx", "\u1100\u1161\u11a8 \uac00\u11a8", "\U000105d2\u0307 a\u0897\u0301", "q\U0001e5ee\u0334 \U00016d67\U00016d67\U0001611e\U0001611e"]
    ascii_pools = ["abcdefghijklmnopqrstuvwxyz", "the of and to in he a", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "   \n\t\r", ".,;:!?'\"-()[]{}<>/\\|@#$%^&*_+=~`", "'sdtmrevl"]
    wide_pools = ["éèüößñçåøæœ", "的一是不了人我在有他这", "абвгдежзийклмн", "αβγδεζηθ", "😀🎉🚀❤️👍🏿", "\u0301\u0308\u0327\u0323\u0345\u0334\u200d\ufe0f", "\u00a0\u3000\u2003\u0085\u1680\u2028\u2029\u202f\u205f\u200b\ufeff\u180e\x0b\x0c\x1c\x1f\x00",
                  "ſKÅΩİıßẞǅǈﬀﬁﬆŉ", "٠١٢३४५ⅧⅫ²½", "\u1100\u1161\u11a8\uac00\uac01", "\u0897\u08ca\u1df6\u1abf\U00010d24\U000105d2\u0307\U00011382\U000113c9\U00011935\U00011930\U0001611e\U0001611f\U00016d63\U00016d67"]
    for _ in range(n):
        kind, out = r.randrange(4), []
        for _ in range(r.randrange(1, 40)):
            roll = r.random()
            if contents and roll < 0.12:
                out.append(r.choice(contents))
            elif roll < 0.25:
                out.append(r.choice([" ", "  ", " ", "\n", "\u00a0"]))
            elif kind == 3 and roll < 0.6:
                c = r.randrange(0x110000) if r.random() < 0.4 else r.randrange(0x3100)
                out.append("\ufffd" if 0xd800 <= c < 0xe000 else chr(c))
            else:
                pool = r.choice(ascii_pools if kind == 0 else ascii_pools + wide_pools)
                out.append("".join(r.choice(pool) for _ in range(r.randrange(1, 5))))
        yield "".join(out)


def train(r, out):
    os.makedirs(f"{out}/trained", exist_ok=True)
    with open(f"{out}/trained/text.txt", "w", encoding="utf-8", newline="") as f:
        for text in texts(r, 250, ["the the", "thing", "then", "<|endoftext|>", "e\u0301"]):
            f.write(text + r.choice(["\n", "\n", "\r\n"]))
        f.write("no newline at the end")
    for name, size, least, special in ("by-size", 700, 0, ["<|endoftext|>"]), ("by-frequency", 9999, 4, ["<|endoftext|>", "th", "é", "< >"]):
        t = Tokenizer(models.BPE())
        t.normalizer, t.pre_tokenizer, t.decoder = normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        t.train([f"{out}/trained/text.txt"], trainers.BpeTrainer(vocab_size=size, min_frequency=least, special_tokens=special,
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
        t.save(f"{out}/trained/{name}.json", pretty=False)


if __name__ == "__main__":
    a = argparse.ArgumentParser()
    a.add_argument("base"); a.add_argument("out"); a.add_argument("--seed", type=int, default=1); a.add_argument("--cases", type=int, default=30)
    a = a.parse_args()
    for name, d in configurations(json.load(open(a.base, encoding="utf-8"))):
        r = random.Random(f"{a.seed} {name}")
        t = Tokenizer.from_str(json.dumps(d))
        os.makedirs(f"{a.out}/{name}", exist_ok=True)
        with open(f"{a.out}/{name}/tokenizer.json", "w", encoding="utf-8") as f:
            json.dump(d, f, ensure_ascii=False, separators=(",", ":"))
            f.write("\n")
        size = t.get_vocab_size()
        with open(f"{a.out}/{name}/cases.jsonl", "w", encoding="utf-8") as f:
            for text in texts(r, a.cases, [x["content"] for x in d["added_tokens"]]):
                ids = t.encode(text).ids
                both = lambda i: dict(decoded=t.decode(i, skip_special_tokens=False), skipped=t.decode(i, skip_special_tokens=True))
                f.write(json.dumps(dict(text=text, ids=ids, **both(ids))) + "\n")
            for _ in range(a.cases // 3):  # random ids, which may decode to malformed UTF-8
                ids = [r.randrange(size) for _ in range(r.randrange(1, 24))]
                f.write(json.dumps(dict(ids=ids, **both(ids))) + "\n")
    train(random.Random(a.seed), a.out)
