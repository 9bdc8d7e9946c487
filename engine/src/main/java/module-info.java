/** Runs TokenFormer language models; see {@link org.tokenformer.engine}. */
module org.tokenformer.engine {
  requires com.google.gson;
  requires static jdk.incubator.vector;
  requires static org.jspecify;

  exports org.tokenformer.engine.checkpoint;
  exports org.tokenformer.engine.tensor;
}
