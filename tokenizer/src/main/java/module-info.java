/** Byte-level BPE, exactly as HF tokenizers computes it. */
@SuppressWarnings("requires-automatic") // fastutil names its module in the manifest only
module org.tokenformer.tokenizer {
  requires com.google.gson;
  requires it.unimi.dsi.fastutil.core;
  requires static transitive org.jspecify;
}
