package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jars also work as modules, though the launcher takes the quicker class path. */
class ModulesIT {
  private static final Path ROOT = Path.of(System.getProperty("project.root"));

  @Test
  void theJarsStartAsModules() throws Exception {
    var shell = new Shell(ROOT).with("JAVA", System.getProperty("java.home") + "/bin/java");
    for (String arguments : new String[] {"--version", "completion bash"}) {
      Shell.Result result =
          shell.run(
              "exec \"$JAVA\" -p cli/target/lib -m org.tokenformer.cli/org.tokenformer.cli.Main "
                  + arguments);
      assertEquals(0, result.code(), result.err());
      assertTrue(result.out().contains("tokenformer"), result.out());
    }
  }

  @Test
  void asModulesTheyWriteAndReadDatasets(@TempDir Path folder) throws Exception {
    Shell.Result result =
        shell(folder)
            .run(
                """
                set -e
                tokenformer() {
                  "$JAVA" -p cli/target/lib -m org.tokenformer.cli/org.tokenformer.cli.Main "$@"
                }
                tokenformer import --checkpoint $GOLDEN/pytorch_model.bin \
                  --config $GOLDEN/config.yml --tokenizer $GOLDEN/tokenizer.json -o "$FOLDER/model"
                head -n 10 README.md |
                  tokenformer prepare -t $GOLDEN/tokenizer.json -o "$FOLDER/data.arrow" -
                tokenformer eval -m "$FOLDER/model" --data "$FOLDER/data.arrow"
                """);
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().startsWith("{\"tokens\":"), result.out());
  }

  /** Arrow is for datasets: nothing else may ask for it, or the program would start more slowly. */
  @Test
  void withoutArrowAllButDatasetsWorks(@TempDir Path folder) throws Exception {
    Shell.Result result =
        shell(folder)
            .run(
                """
                set -e
                cp cli/target/lib/*.jar "$FOLDER"
                rm "$FOLDER"/arrow-*.jar "$FOLDER"/flatbuffers-*.jar
                tokenformer() {
                  "$JAVA" -cp "$FOLDER/*" org.tokenformer.cli.Main "$@"
                }
                tokenformer import --checkpoint $GOLDEN/pytorch_model.bin \
                  --config $GOLDEN/config.yml --tokenizer $GOLDEN/tokenizer.json -o "$FOLDER/model"
                head -n 10 README.md >"$FOLDER/text"
                tokenformer eval -m "$FOLDER/model" --data "$FOLDER/text"
                """);
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().startsWith("{\"tokens\":"), result.out());
  }

  private static Shell shell(Path folder) {
    return new Shell(ROOT)
        .with("JAVA", System.getProperty("java.home") + "/bin/java")
        .with("FOLDER", folder.toString())
        .with("GOLDEN", "testdata/goldens/gelu-after-norm");
  }
}
