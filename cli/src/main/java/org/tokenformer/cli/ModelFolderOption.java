package org.tokenformer.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
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

  /**
   * Returns the named folder, or that of the default model.
   *
   * @throws UserError if there is neither
   */
  Path path() {
    Path path = folder == null ? DefaultModel.folder() : folder;
    if (path == null) {
      throw new UserError(
          "no default model is installed; name a model folder with -m DIR (see 'tokenformer import"
              + " --help' for how to make one from a released checkpoint)");
    }
    return path;
  }
}
