/** The command line. */
// The two plotting libraries are automatic modules.
@SuppressWarnings("requires-automatic")
module org.tokenformer.cli {
  requires com.google.gson;
  requires info.picocli;
  requires org.apache.arrow.format; // optional for users of the tokenizer
  requires java.desktop; // plots
  requires org.jfree.jfreechart;
  requires VectorGraphics2D;
  requires org.snakeyaml.engine;
  requires jdk.management; // memory size
  requires jdk.unsupported; // signals
  requires org.tokenformer.engine;
  requires org.tokenformer.tokenizer;
  requires static org.jspecify;

  // picocli sets annotated fields by reflection.
  opens org.tokenformer.cli to
      info.picocli;
}
