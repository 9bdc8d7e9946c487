/** Byte-level BPE, exactly as HF tokenizers computes it. */
module org.tokenformer.tokenizer {
  requires com.google.gson;
  requires it.unimi.dsi.fastutil.core;
  requires static org.jspecify;
}
