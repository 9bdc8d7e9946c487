/** Byte-level BPE, exactly as HF tokenizers computes it. */
// fastutil names its module in the manifest only; IntArrayList is part of the API.
@SuppressWarnings({"requires-automatic", "requires-transitive-automatic"})
module org.tokenformer.tokenizer {
  requires com.google.gson;
  requires static transitive org.jspecify;
  requires transitive it.unimi.dsi.fastutil.core;

  exports org.tokenformer.tokenizer;
}
