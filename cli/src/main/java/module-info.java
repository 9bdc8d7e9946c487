/** The command line. */
module org.tokenformer.cli {
  requires info.picocli;
  requires org.snakeyaml.engine.v2;
  requires org.tokenformer.engine;
  requires org.tokenformer.tokenizer;
  requires static org.jspecify;

  opens org.tokenformer.cli to
      info.picocli;
}
