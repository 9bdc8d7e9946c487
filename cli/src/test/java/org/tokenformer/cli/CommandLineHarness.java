package org.tokenformer.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.List;
import org.tokenformer.cli.console.Console;

/** Runs the program in this process, as the launcher does, with streams of its own. */
final class CommandLineHarness {
  /** What a run left: its exit code and all that it wrote. */
  record Result(int code, String out, String err) {
    List<String> errorLines() {
      return err.lines().toList();
    }
  }

  private CommandLineHarness() {}

  static Result run(String... args) {
    return runWithInput("", args);
  }

  static Result runWithInput(String input, String... args) {
    return runWithInput(input.getBytes(UTF_8), args);
  }

  static Result runWithInput(byte[] input, String... args) {
    var out = new ByteArrayOutputStream();
    Result result = runTo(out, input, args);
    return new Result(result.code, out.toString(UTF_8), result.err);
  }

  /** For tests of outputs that fail; {@code out} of the result is empty. */
  static Result runTo(OutputStream out, byte[] input, String... args) {
    var err = new ByteArrayOutputStream();
    var console =
        new Console(new ByteArrayInputStream(input), out, new PrintStream(err, true, UTF_8), false);
    int code = Main.run(console, args);
    return new Result(code, "", err.toString(UTF_8));
  }
}
