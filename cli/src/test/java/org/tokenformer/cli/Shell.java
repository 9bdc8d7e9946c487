package org.tokenformer.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
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
    Path out = Files.createTempFile("out", "");
    Path err = Files.createTempFile("err", "");
    try {
      var builder =
          new ProcessBuilder("sh", "-c", script)
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
      if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        throw new AssertionError("still running after " + TIMEOUT_SECONDS + " s: " + script);
      }
      return new Result(
          process.exitValue(), Files.readString(out, UTF_8), Files.readString(err, UTF_8));
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }
}
