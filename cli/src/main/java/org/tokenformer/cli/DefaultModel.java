package org.tokenformer.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

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
}
