/** Byte-level BPE with the same ids as HF tokenizers, and datasets of token ids. */
// fastutil is an automatic module (named in its manifest only); IntArrayList is part of the API.
@SuppressWarnings({"requires-automatic", "requires-transitive-automatic"})
module org.tokenformer.tokenizer {
  requires com.google.gson;
  requires static org.apache.arrow.format; // for datasets only
  requires static org.jspecify;
  requires transitive it.unimi.dsi.fastutil.core;

  exports org.tokenformer.tokenizer;
  exports org.tokenformer.tokenizer.dataset;
}
