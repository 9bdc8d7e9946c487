package org.tokenformer.cli;

import org.tokenformer.cli.console.Console;
import picocli.CommandLine;
import picocli.CommandLine.Command;

@Command(
    name = "pack",
    description = {
      "Knowledge packs: what a model learned in new parameter tokens, in a file of its own.",
      "A model that grew by the init zero and was trained with --freeze-old is its base and some more"
          + " tokens. 'save' writes those alone; -p PACK attaches them to the base when it is loaded;"
          + " 'merge' makes a model of both for good."
    })
final class PackCommand {
  private PackCommand() {}

  /** With its own commands, one of which must be given. */
  static CommandLine tree(Console console) {
    return new CommandLine(new PackCommand())
        .addSubcommand(new PackSaveCommand(console))
        .addSubcommand(new PackMergeCommand(console));
  }
}
