package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ReleasedCheckpoint;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "import",
    description = {
      "Converts a released checkpoint to a model folder.",
      "Released checkpoints are the PyTorch models published with the TokenFormer paper, and what"
          + " their training code saves. Several files that belong together are read as one.",
      "All input is checked before anything is written. The pickle file is parsed as data; no code"
          + " in it is ever executed."
    })
final class ImportCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--checkpoint",
      required = true,
      paramLabel = "PATH",
      description =
          "Weights: a file of torch.save or safetensors, an index or one of several shards, or a"
              + " folder of these.")
  private @Nullable Path checkpoint;

  @Option(
      names = "--config",
      required = true,
      paramLabel = "FILE",
      description = "Settings released with the weights (YAML).")
  private @Nullable Path config;

  @Option(
      names = "--tokenizer",
      required = true,
      paramLabel = "FILE",
      description = "Tokenizer of the model (tokenizer.json).")
  private @Nullable Path tokenizer;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      description =
          "Weight type: ${COMPLETION-CANDIDATES}. Default: lossless (bf16 stays bf16, all other"
              + " types become f32).")
  private @Nullable FloatType type;

  @Mixin private OutputFolder output = new OutputFolder();

  ImportCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    IfExists ifExists = output.check(ModelFolder.FILES);
    Path tokenizerFile = Objects.requireNonNull(tokenizer);
    int ids = Tokenizer.load(tokenizerFile).vocabularySize();
    Path settingsFile = Objects.requireNonNull(config);
    Map<String, @Nullable Object> settings = ReleasedConfigReader.read(settingsFile);
    var source =
        new ReleasedCheckpoint.Source(
            Objects.requireNonNull(checkpoint), settingsFile, settings, tokenizerFile, ids);
    DType dtype = type == null ? null : type.dtype();
    ReleasedCheckpoint.Imported imported =
        ReleasedCheckpoint.toFolder(source, dtype, output.path(), ifExists);
    if (!imported.weights().equals(checkpoint)) {
      console.note(imported.weights() + ": weights read from here");
    }
    for (String note : imported.notes()) {
      console.note(imported.weights() + ": " + note);
    }
    console.note(output.path() + ": " + ModelSummary.line(imported.config()));
    if (!imported.notFinite().isEmpty()) {
      console.warn(
          output.path()
              + ": "
              + ModelSummary.notFinite(imported.notFinite())
              + "; 'generate' will reject this model");
    }
    return 0;
  }
}
