package org.tokenformer.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import picocli.CommandLine.Option;

/** The model that a command begins with. */
final class ModelFolderOption {
  @Option(
      names = {"-m", "--model"},
      paramLabel = "DIR",
      description =
          "The model's folder, as 'tokenformer train' or 'tokenformer import' makes it. By default the"
              + " storyteller that comes with the program.")
  private @Nullable Path folder;

  /**
   * The folder that was named, or the default model's.
   *
   * @throws UserError if there is neither
   */
  Path path() {
    Path path = folder == null ? DefaultModel.folder() : folder;
    if (path == null) {
      throw new UserError(
          "no default model came with this program: name a model's folder with -m DIR; 'tokenformer"
              + " import --help' says how to make one of a released checkpoint");
    }
    return path;
  }
}
