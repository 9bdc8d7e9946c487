package org.tokenformer.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option that names the model folder. */
final class ModelFolderOption {
  @Option(
      names = {"-m", "--model"},
      paramLabel = "DIR",
      description =
          "Model folder, for example one written by 'tokenformer train' or 'tokenformer import'."
              + " Default: the storyteller model included with the program.")
  private @Nullable Path folder;

  boolean isGiven() {
    return folder != null;
  }

  /** Returns the named folder, or that of the default model; see {@link DefaultModel#orGiven}. */
  Path path() {
    return DefaultModel.orGiven(folder);
  }
}
