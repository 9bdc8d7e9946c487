package org.tokenformer.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;

/**
 * The storyteller, the model that commands use if none is named. The launcher passes its folder, so
 * that it is memory-mapped like any other model.
 */
final class DefaultModel {
  private static final String PROPERTY = "tokenformer.default.model";

  private DefaultModel() {}

  /** Returns its folder, or null if this program was installed without it. */
  static @Nullable Path folder() {
    String folder = System.getProperty(PROPERTY);
    if (folder == null || !Files.isDirectory(Path.of(folder))) {
      return null;
    }
    return Path.of(folder);
  }

  /**
   * Returns the given folder, or that of the default model.
   *
   * @throws UserError if there is neither
   */
  static Path orGiven(@Nullable Path given) {
    Path folder = given == null ? folder() : given;
    if (folder == null) {
      throw new UserError(
          "no default model is installed; name a model folder with -m DIR (see 'tokenformer import"
              + " --help' for how to make one from a released checkpoint)");
    }
    return folder;
  }
}
