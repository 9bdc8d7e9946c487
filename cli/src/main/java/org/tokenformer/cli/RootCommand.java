package org.tokenformer.cli;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code tokenformer} itself and the options that every command takes. */
@Command(
    name = "tokenformer",
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND",
    description = "Runs, trains and grows TokenFormer language models on ordinary processors.",
    optionListHeading = "%nOptions:%n",
    commandListHeading = "%nCommands:%n",
    footer = {
      "",
      "'tokenformer COMMAND --help' explains a command.",
      "Results go to standard output, all else to standard error. Exit codes: 0 done, 2 wrong use or"
          + " bad input, 1 a fault of the program.",
      "Options of the Java machine go into the variable TF_JAVA_OPTS, such as"
          + " TF_JAVA_OPTS=-Xmx8g."
    })
final class RootCommand implements Runnable {
  private final Console console;

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Shows this help.")
  @SuppressWarnings("UnusedVariable") // picocli acts on the option by itself
  private boolean help;

  @Option(
      names = "--version",
      versionHelp = true,
      description = "Shows the version of the program.")
  @SuppressWarnings("UnusedVariable") // picocli acts on the option by itself
  private boolean version;

  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "Adds the stack trace to an error.")
  private boolean stacktrace;

  RootCommand(Console console) {
    this.console = console;
  }

  @Option(
      names = "--quiet",
      scope = ScopeType.INHERIT,
      description = "Prints no progress and no statistics.")
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

  /** Without a command there is nothing to do but to say what can be done. */
  @Override
  public void run() {
    console.out().print(Objects.requireNonNull(spec).commandLine().getUsageMessage());
  }
}
