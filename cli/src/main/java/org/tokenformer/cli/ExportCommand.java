package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ReleasedCheckpoint;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "export",
    description = {
      "Exports a model to the format of the released checkpoints, for PyTorch.",
      "Writes pytorch_model.bin, config.yml and tokenizer.json. Models that the format cannot"
          + " represent are rejected: layers of different sizes, or a scale τ other than the"
          + " default."
    })
final class ExportCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private ModelFolderOption model = new ModelFolderOption();

  @Mixin private OutputFolder output = new OutputFolder();

  ExportCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    IfExists ifExists = output.check(ReleasedCheckpoint.FILES);
    Path path = model.path();
    try (ModelFolder folder = ModelFolder.open(path, LoadMode.MAP)) {
      Tokenizer.load(path.resolve(ModelFolder.TOKENIZER_FILE)); // rejects a broken one
      ReleasedCheckpoint.fromFolder(folder, output.path(), ifExists);
      console.note(output.path() + ": " + ModelSummary.line(folder.config()));
    }
    return 0;
  }
}
