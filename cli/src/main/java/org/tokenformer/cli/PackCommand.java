package org.tokenformer.cli;

import org.tokenformer.cli.console.Console;
import picocli.CommandLine;
import picocli.CommandLine.Command;

@Command(
    name = "pack",
    description = {
      "Saves and merges knowledge packs (trained additional parameter tokens).",
      "A model that was grown by zero-initialised keys (the default) and trained with --freeze-old is"
          + " its base model plus additional parameter tokens. 'save' writes only those to a pack; -p PACK attaches"
          + " packs to the base model when it is loaded; 'merge' combines both into one model"
          + " folder."
    })
final class PackCommand {
  private PackCommand() {}

  /** Returns the command with its sub-commands, one of which must be given. */
  static CommandLine tree(Console console) {
    return new CommandLine(new PackCommand())
        .addSubcommand(new PackSaveCommand(console))
        .addSubcommand(new PackMergeCommand(console));
  }
}
