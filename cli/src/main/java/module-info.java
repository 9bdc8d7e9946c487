/** The command line. */
module org.tokenformer.cli {
  requires com.google.gson;
  requires info.picocli;
  requires org.apache.arrow.format; // the tokenizer leaves the choice to its users
  requires org.snakeyaml.engine;
  requires jdk.management; // how much memory there is
  requires jdk.unsupported; // signals
  requires org.tokenformer.engine;
  requires org.tokenformer.tokenizer;
  requires static org.jspecify;

  // picocli sets the annotated fields of the commands by reflection.
  opens org.tokenformer.cli to
      info.picocli;
}
