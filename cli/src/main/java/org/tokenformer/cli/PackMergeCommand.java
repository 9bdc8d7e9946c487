package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.grow.Packs;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.files.ModelFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "merge",
    description = {
      "Merges a base model and its packs into one model.",
      "The outputs are bit-identical to those of the base model with the same packs attached in"
          + " the same order."
    })
final class PackMergeCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private ModelFolderOption model = new ModelFolderOption();

  @Option(
      names = {"-p", "--pack"},
      required = true,
      arity = "1..*",
      paramLabel = "PACK",
      description = "Packs to merge, in this order.")
  private List<Path> packs = new ArrayList<>();

  @Mixin private OutputFolder output = new OutputFolder();

  PackMergeCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    IfExists ifExists = output.check(ModelFolder.FILES);
    try (ModelFolder base = ModelFolder.open(model.path(), LoadMode.MAP);
        Packs opened = Packs.open(packs, base, TokenFraction.ALL, LoadMode.MAP)) {
      TokenFormerConfig config = opened.mergeTo(base, output.path(), ifExists);
      console.note(output.path() + ": " + ModelSummary.line(config));
    }
    return 0;
  }
}
