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
      "Makes a model folder of a released checkpoint.",
      "All is checked before anything is written. The checkpoint's pickle is read by a machine that"
          + " knows tensors only; nothing in it is ever run."
    })
final class ImportCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--checkpoint",
      required = true,
      paramLabel = "FILE",
      description = "The weights: pytorch_model.bin.")
  private @Nullable Path checkpoint;

  @Option(
      names = "--config",
      required = true,
      paramLabel = "FILE",
      description = "The settings that were released with it, in YAML.")
  private @Nullable Path config;

  @Option(
      names = "--tokenizer",
      required = true,
      paramLabel = "FILE",
      description = "Its tokenizer.json.")
  private @Nullable Path tokenizer;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      description =
          "Type of the weights: ${COMPLETION-CANDIDATES}. By default what loses nothing: bf16 stays,"
              + " the others become f32.")
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
    console.note(output.path() + ": " + ModelSummary.line(imported.config()));
    if (!imported.notFinite().isEmpty()) {
      console.warn(
          output.path()
              + ": "
              + ModelSummary.notFinite(imported.notFinite())
              + "; 'generate' will refuse it");
    }
    return 0;
  }
}
