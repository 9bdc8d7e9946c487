package org.tokenformer.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
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

  /** Runs the program in a Java of its own, for tests of what belongs to a whole process. */
  static Result runInOwnJava(List<String> jvmOptions, String... args) throws Exception {
    return runInOwnJava("true", jvmOptions, args);
  }

  /**
   * As a disk that fills up while a file is written: none may become larger.
   *
   * @param blocks of 512 or, in some shells, 1024 bytes
   */
  static Result runWithSmallFiles(int blocks, String... args) throws Exception {
    // Java's file of counters would be too large as well.
    return runInOwnJava("ulimit -f " + blocks, List.of("-XX:-UsePerfData"), args);
  }

  /** Runs the program in a Java of its own whose working folder is the given one. */
  static Result runInFolder(Path folder, String... args) throws Exception {
    return runInOwnJava("cd '" + folder + "'", List.of(), args);
  }

  private static Result runInOwnJava(String preparation, List<String> jvmOptions, String... args)
      throws Exception {
    List<String> command =
        new ArrayList<>(List.of("sh", "-c", preparation + " && exec \"$@\"", "sh"));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(jvmOptions);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(Main.class.getName());
    command.addAll(List.of(args));
    Process process = new ProcessBuilder(command).start();
    process.getOutputStream().close();
    try (var executor = Executors.newSingleThreadExecutor()) {
      Future<byte[]> err = executor.submit(() -> process.getErrorStream().readAllBytes());
      byte[] out = process.getInputStream().readAllBytes();
      return new Result(process.waitFor(), new String(out, UTF_8), new String(err.get(), UTF_8));
    }
  }
}
