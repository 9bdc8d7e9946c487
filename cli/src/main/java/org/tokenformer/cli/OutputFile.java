package org.tokenformer.cli;

import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Objects;
import org.tokenformer.cli.console.UserError;

/** Checks of the file that a command writes. */
final class OutputFile {
  private OutputFile() {}

  /** Rejects a file that cannot be written, before any work is done for it. */
  static void check(Path file, boolean force) {
    if (Files.isDirectory(file)) {
      throw new UserError(file + ": is a folder; give a file name");
    }
    Path folder = Objects.requireNonNull(file.toAbsolutePath().getParent()); // / is a folder
    if (!Files.isDirectory(folder)) {
      throw new UserError(file + ": cannot write: there is no folder " + folder);
    }
    if (!force && Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new UserError(file + ": already exists; add --force to replace it");
    }
  }
}
