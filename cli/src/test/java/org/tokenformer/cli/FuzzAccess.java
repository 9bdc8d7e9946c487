package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Utf8Input;

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

  /** Parses all lines; see {@link JsonLines}. */
  public static void jsonLines(byte[] bytes) throws IOException {
    Utf8Input input = new Utf8Input(new ByteArrayInputStream(bytes), "x.jsonl", 1 << 20);
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      JsonLines.parse("x.jsonl: line", line);
    }
  }
}
