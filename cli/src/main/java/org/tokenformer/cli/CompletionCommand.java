package org.tokenformer.cli;

import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "completion",
    description = {
      "Prints a script that completes commands and options in the shell.",
      "For this session: eval \"$$(./tokenformer completion bash)\"."
    })
final class CompletionCommand implements Runnable {
  enum Shell {
    BASH,
    ZSH;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final Console console;

  @Spec private @Nullable CommandSpec spec;

  @Parameters(paramLabel = "SHELL", description = "The shell: ${COMPLETION-CANDIDATES}.")
  private @Nullable Shell shell;

  CompletionCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    CommandLine root = Objects.requireNonNull(spec).root().commandLine();
    if (shell == Shell.ZSH) {
      console.out().println("autoload -U +X compinit && compinit");
      console.out().println("autoload -U +X bashcompinit && bashcompinit");
    }
    console.out().print(AutoComplete.bash(root.getCommandName(), root));
  }
}
