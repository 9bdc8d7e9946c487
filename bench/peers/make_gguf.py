"""Writes m-TYPE.gguf, a random model for llama.cpp with the architecture of GPT-NeoX and the sizes of the 150M
TokenFormer, and prints the bytes of weights read per token.

usage: make_gguf.py f32|bf16|q8_0|q4_0 TOKENIZER.json FOLDER"""

import json
import pathlib
import sys

import gguf
import numpy as np

if len(sys.argv) != 4:
    sys.exit(__doc__)
kind, tokenizer, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
layers, hidden, heads, inner, vocabulary = 12, 768, 12, 3072, 50304
quantization = getattr(gguf.GGMLQuantizationType, kind.upper())
random = np.random.default_rng(1)
writer = gguf.GGUFWriter(str(folder / f"m-{kind}.gguf"), "gptneox")
writer.add_context_length(2048)
writer.add_embedding_length(hidden)
writer.add_block_count(layers)
writer.add_feed_forward_length(inner)
writer.add_rope_dimension_count(16)
writer.add_head_count(heads)
writer.add_parallel_residual(True)
writer.add_layer_norm_eps(1e-5)

data = json.loads(pathlib.Path(tokenizer).read_text(encoding="utf-8"))
tokens, types = [f"[PAD{i}]" for i in range(vocabulary)], [5] * vocabulary
for token, index in data["model"]["vocab"].items():
    tokens[index], types[index] = token, 1
for added in data["added_tokens"]:
    content = added["content"]
    tokens[added["id"]] = "Ġ" * len(content) + f"x{added['id']}" if content.isspace() else content
    types[added["id"]] = 1
types[0] = types[1] = 3
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("default")
writer.add_token_list(tokens)
writer.add_token_types(types)
writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"]])
writer.add_bos_token_id(0)
writer.add_eos_token_id(0)

read = 0


def matrix(name, rows, columns, each_token=True):
    global read
    values = gguf.quants.quantize((random.standard_normal((rows, columns)) * 0.02).astype(np.float32), quantization)
    writer.add_tensor(name, values, raw_dtype=quantization)
    read += values.nbytes if each_token else 0


def vector(name, size, value=0.0):
    writer.add_tensor(name, np.full(size, value, np.float32))


def norm(name):
    vector(name + ".weight", hidden, 1.0)
    vector(name + ".bias", hidden)


matrix("token_embd.weight", vocabulary, hidden, each_token=False)
for i in range(layers):
    block = f"blk.{i}."
    norm(block + "attn_norm")
    matrix(block + "attn_qkv.weight", 3 * hidden, hidden)
    vector(block + "attn_qkv.bias", 3 * hidden)
    matrix(block + "attn_output.weight", hidden, hidden)
    vector(block + "attn_output.bias", hidden)
    norm(block + "ffn_norm")
    matrix(block + "ffn_up.weight", inner, hidden)
    vector(block + "ffn_up.bias", inner)
    matrix(block + "ffn_down.weight", hidden, inner)
    vector(block + "ffn_down.bias", hidden)
norm("output_norm")
matrix("output.weight", vocabulary, hidden)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
print(read)
