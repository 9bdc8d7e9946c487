/** Runs, trains and grows TokenFormer language models; see {@link org.tokenformer.engine}. */
module org.tokenformer.engine {
  requires com.google.gson;
  requires static jdk.incubator.vector;
  requires static org.jspecify;

  exports org.tokenformer.engine.checkpoint;
  exports org.tokenformer.engine;
  exports org.tokenformer.engine.backend;
  exports org.tokenformer.engine.error;
  exports org.tokenformer.engine.generate;
  exports org.tokenformer.engine.grow;
  exports org.tokenformer.engine.measure;
  exports org.tokenformer.engine.model;
  exports org.tokenformer.engine.model.files;
  exports org.tokenformer.engine.model.training;
  exports org.tokenformer.engine.tensor;
  exports org.tokenformer.engine.train;
}
