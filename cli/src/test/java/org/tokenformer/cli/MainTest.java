package org.tokenformer.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.cli.console.Console;
import picocli.CommandLine;

class MainTest {
  @Test
  void versionIsOneLineThatTheBuildFilledIn() {
    Result result = CommandLineHarness.run("--version");
    assertEquals(0, result.code());
    assertTrue(result.out().matches("tokenformer \\d+\\.\\d+\\.\\d+(-SNAPSHOT)?\n"), result.out());
    assertEquals("", result.err());
  }

  @Test
  void helpListsTheCommandsAndTheirOptions() {
    for (String[] args : new String[][] {{"--help"}, {"-h"}, {}}) {
      Result result = CommandLineHarness.run(args);
      assertEquals(0, result.code());
      assertTrue(result.out().contains("completion"), result.out());
      assertEquals("", result.err());
    }
    Result command = CommandLineHarness.run("completion", "--help");
    assertEquals(0, command.code());
    assertTrue(command.out().contains("Shell: bash, zsh."), command.out());
    assertTrue(command.out().contains("--stacktrace"), command.out());
  }

  @Test
  void helpWarnsOfNothing() {
    // picocli takes descriptions as formats, and warns on the process's own standard error of a
    // lone %.
    var warnings = new ByteArrayOutputStream();
    PrintStream before = System.err;
    System.setErr(new PrintStream(warnings, true, UTF_8));
    try {
      var console =
          new Console(
              InputStream.nullInputStream(), OutputStream.nullOutputStream(), before, false);
      var root = new RootCommand(console);
      renderHelp(CommandTree.of(root, new Failures(console, root)));
    } finally {
      System.setErr(before);
    }
    assertEquals("", warnings.toString(UTF_8));
  }

  private static void renderHelp(CommandLine command) {
    assertTrue(command.getUsageMessage().startsWith("Usage:"), command.getCommandName());
    command.getSubcommands().values().forEach(MainTest::renderHelp);
  }

  @Test
  void wrongUseIsOneLineWithTheNextStep() {
    assertWrongUse(
        "error: unknown command 'compltion', did you mean 'completion'?; see 'tokenformer --help'",
        "compltion");
    assertWrongUse("error: unknown option '--foo'; see 'tokenformer --help'", "--foo");
    assertWrongUse(
        "error: missing required parameter: 'SHELL'; see 'tokenformer completion --help'",
        "completion");
    assertWrongUse(
        "error: unexpected argument 'x'; see 'tokenformer completion --help'",
        "completion",
        "bash",
        "x");
    assertWrongUse(
        "error: invalid value for SHELL: 'fish' is not one of"
            + " bash, zsh; see 'tokenformer completion --help'",
        "completion",
        "fish");
  }

  @Test
  void argumentsCannotBreakTheErrorLine() {
    assertWrongUse(
        "error: unknown option '--a\\n\\u001b[31mb\\tc'; see 'tokenformer --help'",
        "--a\n\u001b[31mb\tc");
  }

  @Test
  void anArgumentThatBeginsWithAnAtSignIsNotReadAsAFile(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("arguments"), "bash");
    Result result = CommandLineHarness.run("completion", "@" + file);
    assertEquals(2, result.code());
    assertTrue(result.err().contains("'@" + file + "' is not one of"), result.err());
  }

  @Test
  void completionScriptsAreSourceable(@TempDir Path folder) throws Exception {
    Result bash = CommandLineHarness.run("completion", "bash");
    assertEquals(0, bash.code());
    Path script = Files.writeString(folder.resolve("completion.bash"), bash.out());
    String complete =
        """
        source "$0"
        COMP_WORDS=(tokenformer comp)
        COMP_CWORD=1
        COMP_LINE='tokenformer comp'
        COMP_POINT=16
        _complete_tokenformer
        echo "${COMPREPLY[@]}"
        """;
    Process process =
        new ProcessBuilder("bash", "-c", complete, script.toString())
            .redirectErrorStream(true)
            .start();
    assertEquals("completion\n", new String(process.getInputStream().readAllBytes(), UTF_8));
    assertEquals(0, process.waitFor());

    Result zsh = CommandLineHarness.run("completion", "zsh");
    assertEquals(0, zsh.code());
    assertTrue(zsh.out().startsWith("autoload -U +X compinit && compinit\n"), zsh.out());
    assertTrue(zsh.out().endsWith(bash.out()));
  }

  @Test
  void aReaderThatHasGoneEndsTheProgramQuietly() {
    for (String[] args : List.of(new String[] {"--help"}, new String[] {"completion", "bash"})) {
      Result result = CommandLineHarness.runTo(failing("Broken pipe"), new byte[0], args);
      assertEquals(141, result.code());
      assertEquals("", result.err());
    }
  }

  @Test
  void aFullDiskBehindStandardOutputIsAnError() {
    for (String[] args : List.of(new String[] {"--version"}, new String[] {"completion", "bash"})) {
      Result result =
          CommandLineHarness.runTo(failing("No space left on device"), new byte[0], args);
      assertEquals(2, result.code());
      assertEquals(List.of("error: standard output: No space left on device"), result.errorLines());
    }
  }

  private static OutputStream failing(String reason) {
    return new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        throw new IOException(reason);
      }
    };
  }

  private static void assertWrongUse(String line, String... args) {
    Result result = CommandLineHarness.run(args);
    assertEquals(2, result.code());
    assertEquals(List.of(line), result.errorLines());
    assertEquals("", result.out());
  }
}
