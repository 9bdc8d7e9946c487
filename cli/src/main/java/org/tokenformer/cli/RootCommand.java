package org.tokenformer.cli;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The root command {@code tokenformer} and the options that all commands inherit. */
@Command(
    name = "tokenformer",
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND",
    description = "Runs, trains and grows TokenFormer language models on CPUs.",
    optionListHeading = "%nOptions:%n",
    commandListHeading = "%nCommands:%n",
    footer = {
      "",
      "Run 'tokenformer COMMAND --help' for the options of a command.",
      "Results go to standard output; progress, statistics and errors go to standard error.",
      "Exit codes: 0 success, 1 internal error, 2 wrong usage or bad input, 130 interrupted.",
      "Set the environment variable TF_JAVA_OPTS to pass options to the JVM, for example"
          + " TF_JAVA_OPTS=-Xmx8g."
    })
final class RootCommand implements Runnable {
  private final Console console;

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help and exit.")
  @SuppressWarnings("UnusedVariable") // picocli acts on the option by itself
  private boolean help;

  @Option(names = "--version", versionHelp = true, description = "Print the version and exit.")
  @SuppressWarnings("UnusedVariable") // picocli acts on the option by itself
  private boolean version;

  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "Print the stack trace of an error.")
  private boolean stacktrace;

  RootCommand(Console console) {
    this.console = console;
  }

  @Option(
      names = "--quiet",
      scope = ScopeType.INHERIT,
      description = "Print no progress or statistics.")
  void setQuiet(boolean quiet) {
    if (quiet) {
      console.quiet();
    }
  }

  Console console() {
    return console;
  }

  boolean wantsStackTrace() {
    return stacktrace;
  }

  /** Prints the help if no command is given. */
  @Override
  public void run() {
    console.out().print(Objects.requireNonNull(spec).commandLine().getUsageMessage());
  }
}
