package org.tokenformer.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The storyteller, which commands use where no model is named. It lies in a folder of the project,
 * so that it is mapped like any other model; the launcher says where.
 */
final class DefaultModel {
  private static final String PROPERTY = "tokenformer.default.model";

  private DefaultModel() {}

  /** Its folder, or null if this program came without it. */
  static @Nullable Path folder() {
    String folder = System.getProperty(PROPERTY);
    if (folder == null || !Files.isDirectory(Path.of(folder))) {
      return null;
    }
    return Path.of(folder);
  }
}
