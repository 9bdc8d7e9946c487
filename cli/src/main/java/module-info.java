/** The command line. */
// The two of the plots name their modules in the manifest or by their file only.
@SuppressWarnings("requires-automatic")
module org.tokenformer.cli {
  requires com.google.gson;
  requires info.picocli;
  requires org.apache.arrow.format; // the tokenizer leaves the choice to its users
  requires java.desktop; // plots
  requires org.jfree.jfreechart;
  requires VectorGraphics2D;
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
