package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What fuzzing needs of this package. */
public final class FuzzAccess {
  private FuzzAccess() {}

  /** Runs a command that must succeed. */
  public static void run(String... arguments) {
    CommandLineHarness.Result result = CommandLineHarness.run(arguments);
    assertEquals(0, result.code(), result.err());
  }

  /** See {@link ReleasedConfigReader#read}. */
  public static Map<String, @Nullable Object> releasedConfig(Path file) throws IOException {
    return ReleasedConfigReader.read(file);
  }
}
