/** Byte-level BPE, exactly as HF tokenizers computes it, and datasets of its ids. */
// fastutil names its module in the manifest only; IntArrayList is part of the API.
@SuppressWarnings({"requires-automatic", "requires-transitive-automatic"})
module org.tokenformer.tokenizer {
  requires com.google.gson;
  requires static org.apache.arrow.format; // for datasets only
  requires static transitive org.jspecify;
  requires transitive it.unimi.dsi.fastutil.core;

  exports org.tokenformer.tokenizer;
  exports org.tokenformer.tokenizer.dataset;
}
