package org.tokenformer.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import org.junit.jupiter.api.Test;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;

class FailuresTest {
  @Test
  void errorsThatTheUserCanMendNameTheFile() {
    assertReport(2, "model.json: no heads", new UserError("model.json: no heads"));
    assertReport(
        2, "m/model.json: no such file or folder", new NoSuchFileException("m/model.json"));
    assertReport(2, "m: permission denied", new AccessDeniedException("m"));
    assertReport(2, "m: already exists", new FileAlreadyExistsException("m"));
    assertReport(2, "m: is not a folder", new NotDirectoryException("m"));
    assertReport(
        2,
        "m: No space left on device",
        new FileSystemException("m", null, "No space left on device"));
    assertReport(
        2, "m: no such file or folder", new UncheckedIOException(new NoSuchFileException("m")));
    assertReport(2, "input or output failed: Is a directory", new IOException("Is a directory"));
    assertReport(
        2, "'a\\u0000b' is not a file name: Nul", new InvalidPathException("a\u0000b", "Nul"));
  }

  @Test
  void lackOfMemorySaysWhatToDo() {
    String line = report(2, false, new OutOfMemoryError("Java heap space"));
    assertTrue(line.startsWith("error: out of memory (Java heap space; the Java heap"), line);
    assertTrue(line.contains("TF_JAVA_OPTS=-Xmx"), line);
  }

  @Test
  void lackOfThreadsIsNoLackOfMemory() {
    String line = report(2, false, new OutOfMemoryError("unable to create native thread: …"));
    assertTrue(line.startsWith("error: no more threads can be started: use fewer"), line);
    assertTrue(line.contains("ulimit -u"), line);
  }

  @Test
  void whatWeDidNotForeseeIsAFaultOfOurs() {
    assertReport(
        1,
        "internal error (please report it with the output of --stacktrace):"
            + " java.lang.IllegalStateException: two\\nlines",
        new IllegalStateException("two\nlines"));
  }

  @Test
  void theStackTraceShowsWhenAskedFor() {
    String text = report(2, true, new UserError("wrong", new IOException("cause")));
    assertTrue(text.startsWith("error: wrong\norg.tokenformer.cli.console.UserError: wrong"), text);
    assertTrue(text.contains("Caused by: java.io.IOException: cause"), text);
  }

  private static void assertReport(int code, String line, Throwable failure) {
    assertEquals("error: " + line + "\n", report(code, false, failure));
  }

  private static String report(int code, boolean stackTrace, Throwable failure) {
    var err = new ByteArrayOutputStream();
    var console =
        new Console(
            new ByteArrayInputStream(new byte[0]),
            new ByteArrayOutputStream(),
            new PrintStream(err, true, UTF_8),
            false);
    var root = new RootCommand(console);
    var failures = new Failures(console, root);
    if (stackTrace) {
      CommandTree.of(root, failures).parseArgs("--stacktrace", "completion", "bash");
    }
    assertEquals(code, failures.report(failure));
    return err.toString(UTF_8);
  }
}
