package org.tokenformer.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs shell commands in a folder and keeps what they print. */
final class Shell {
  private static final long TIMEOUT_SECONDS = 120;

  /** What a command left. */
  record Result(int code, String out, String err) {}

  private final Path folder;
  private final Map<String, String> environment = new HashMap<>();

  Shell(Path folder) {
    this.folder = folder;
  }

  /** Sets a variable for the commands of this shell. */
  Shell with(String variable, String value) {
    environment.put(variable, value);
    return this;
  }

  Result run(String script) throws IOException, InterruptedException {
    return start(script, List.of()).await();
  }

  /**
   * Starts commands without waiting for them.
   *
   * @param arguments the script's {@code "$@"}
   */
  Running start(String script, List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("sh", "-c", script, "sh"));
    command.addAll(arguments);
    Path out = Files.createTempFile("out", "");
    Path err = Files.createTempFile("err", "");
    var builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    // What surefire or the user set for Java must not reach the program under test.
    builder
        .environment()
        .keySet()
        .removeIf(name -> name.contains("JAVA") || name.startsWith("TF_"));
    builder.environment().putAll(environment);
    Process process = builder.start();
    process.getOutputStream().close();
    return new Running(process, out, err);
  }

  /** Commands under way; of a script that ends in {@code exec}, the program that it has become. */
  record Running(Process process, Path out, Path err) {
    Result await() throws IOException, InterruptedException {
      return await(TIMEOUT_SECONDS);
    }

    Result await(long timeoutSeconds) throws IOException, InterruptedException {
      try {
        if (!process.waitFor(timeoutSeconds, TimeUnit.SECONDS)) {
          process.descendants().forEach(ProcessHandle::destroyForcibly);
          process.destroyForcibly();
          throw new AssertionError(
              "still running after %d s: %s".formatted(timeoutSeconds, process.info()));
        }
        return new Result(
            process.exitValue(), Files.readString(out, UTF_8), Files.readString(err, UTF_8));
      } finally {
        Files.delete(out);
        Files.delete(err);
      }
    }
  }
}
