/** The command line. */
module org.tokenformer.cli {
  requires info.picocli;
  requires org.snakeyaml.engine;
  requires org.tokenformer.engine;
  requires org.tokenformer.tokenizer;
  requires static org.jspecify;
}
