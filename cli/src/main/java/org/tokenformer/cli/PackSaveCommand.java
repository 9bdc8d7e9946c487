package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.grow.PackWriter;
import org.tokenformer.engine.model.files.ModelFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "save",
    description = {
      "Saves the parameter tokens that were added to a base model.",
      "All other weights must be identical to the base model's. The pack is a safetensors file"
          + " with the new rows under the names of their tensors."
    })
final class PackSaveCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "RUN",
      description = "Folder of the trained model, such as a run folder.")
  private @Nullable Path model;

  @Option(
      names = "--base",
      required = true,
      paramLabel = "DIR",
      description = "Folder of the base model.")
  private @Nullable Path base;

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "FILE",
      description = "Pack to write.")
  private @Nullable Path output;

  @Option(
      names = "--name",
      paramLabel = "TEXT",
      description = "Name of the pack. Default: the file name without .safetensors.")
  private @Nullable String name;

  @Option(names = "--force", description = "Overwrite FILE if it exists.")
  private boolean force;

  PackSaveCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Path file = Objects.requireNonNull(output);
    OutputFile.check(file, force);
    String fileName = Objects.requireNonNull(file.getFileName()).toString();
    String packName = name == null ? fileName.replaceFirst("\\.safetensors$", "") : name;
    try (ModelFolder from = ModelFolder.open(Objects.requireNonNull(base), LoadMode.MAP);
        ModelFolder grown = ModelFolder.open(Objects.requireNonNull(model), LoadMode.MAP)) {
      long tokens = PackWriter.save(from, grown, packName, file);
      console.note(
          "%s: %d parameter tokens, %s".formatted(file, tokens, Amount.bytes(Files.size(file))));
    }
    return 0;
  }
}
