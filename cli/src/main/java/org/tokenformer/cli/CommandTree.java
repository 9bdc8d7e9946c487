package org.tokenformer.cli;

import java.io.PrintWriter;
import org.tokenformer.cli.console.Console;
import picocli.CommandLine;
import picocli.CommandLine.Help;

/** All commands, and how their arguments are read. */
final class CommandTree {
  private static final int HELP_WIDTH = 100;

  private CommandTree() {}

  static CommandLine of(RootCommand root, Failures failures) {
    Console console = root.console();
    var tree = new CommandLine(root);
    tree.addSubcommand(new CompletionCommand(console));

    // A prompt may begin with @; it never names a file of arguments.
    tree.setExpandAtFiles(false);
    tree.setAllowOptionsAsOptionParameters(false);
    tree.setUsageHelpWidth(HELP_WIDTH);
    // Detecting colour support would load the JDK's console module: 40 ms for a bold title.
    tree.setColorScheme(Help.defaultColorScheme(Help.Ansi.OFF));
    tree.setOut(new PrintWriter(console.out()));
    tree.setParameterExceptionHandler(failures);
    tree.setExecutionExceptionHandler(failures);
    return tree;
  }
}
