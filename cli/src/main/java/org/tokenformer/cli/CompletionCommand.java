package org.tokenformer.cli;

import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "completion",
    description = {
      "Prints a shell script that completes commands and options.",
      "To enable it in the current shell: eval \"$$(./tokenformer completion bash)\"."
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

  @Parameters(paramLabel = "SHELL", description = "Shell: ${COMPLETION-CANDIDATES}.")
  private @Nullable Shell shell;

  CompletionCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    var root = new RootCommand(console);
    CommandLine tree = CommandTree.of(root, new Failures(console, root));
    if (shell == Shell.ZSH) {
      console.out().println("autoload -U +X compinit && compinit");
      console.out().println("autoload -U +X bashcompinit && bashcompinit");
    }
    console.out().print(AutoComplete.bash(tree.getCommandName(), tree));
  }
}
