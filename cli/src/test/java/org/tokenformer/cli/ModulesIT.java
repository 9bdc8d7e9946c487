package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

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
}
