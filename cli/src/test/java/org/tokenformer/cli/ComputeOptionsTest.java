package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Objects;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParameterException;

class ComputeOptionsTest {
  @Test
  void defaultsAreAllProcessorsAndTheFastestBackend() {
    ComputeOptions options = parse();
    assertEquals(Runtime.getRuntime().availableProcessors(), options.threads());
    assertEquals(ComputeOptions.Backend.AUTO, options.backend());
  }

  @Test
  void takesWhatIsGiven() {
    ComputeOptions options = parse("--threads", "3", "--backend", "scalar");
    assertEquals(3, options.threads());
    assertEquals(ComputeOptions.Backend.SCALAR, options.backend());
  }

  @Test
  void namesWhatCannotBe() {
    assertRefused("--threads must be between 1 and 1024, not 0", "--threads", "0");
    assertRefused("--threads must be between 1 and 1024, not -2", "--threads", "-2");
    assertRefused("'x' is not a whole number", "--threads", "x");
    assertRefused("'gpu' is not one of auto, scalar, vector", "--backend", "gpu");
    assertRefused("'cuda' is not one of auto, scalar, vector", "--backend", "cuda");
  }

  private static void assertRefused(String message, String... args) {
    var e = assertThrows(ParameterException.class, () -> parse(args));
    assertTrue(Objects.toString(e.getMessage()).contains(message), e.getMessage());
  }

  private static ComputeOptions parse(String... args) {
    var command = new Compute();
    var line = new CommandLine(command);
    Values.register(line);
    line.registerConverter(ComputeOptions.Backend.class, new Choice<>(ComputeOptions.Backend.class))
        .parseArgs(args);
    return command.options;
  }

  @Command(name = "compute")
  @NullUnmarked // picocli fills the field
  static final class Compute {
    @Mixin ComputeOptions options;
  }
}
