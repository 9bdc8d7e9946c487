package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Objects;
import org.tokenformer.cli.console.UserError;

/** Checks of the file that a command writes. */
final class OutputFile {
  /** Outputs are written beside the target and renamed, which would replace a device. */
  private static final Path DEVICES = Path.of("/dev");

  private static final Path PROCESSES = Path.of("/proc");

  private OutputFile() {}

  /** Rejects a file that cannot be written, before any work is done for it. */
  static void check(Path file, boolean force) throws IOException {
    if (file.toString().equals("-")) {
      throw new UserError(
          "-: cannot write to standard output; give a file name, or ./- for a file of this name");
    }
    if (Files.isDirectory(file)) {
      throw new UserError(file + ": is a folder; give a file name");
    }
    Path folder = requireFolder(file);
    if (isDevice(file, folder.toRealPath())) {
      throw new UserError(
          file + ": is a pipe or device, and this command writes only files; give a file name");
    }
    if (!force && Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new UserError(file + ": already exists; add --force to replace it");
    }
  }

  /**
   * Returns the folder that a file or folder is to be created in.
   *
   * @throws UserError if there is no such folder, or if nothing can be created in it
   */
  static Path requireFolder(Path target) {
    Path folder = folderOf(target);
    if (!nearestFolder(target).equals(folder)) {
      throw new UserError(
          "%s: cannot write: there is no folder %s; create it first".formatted(target, folder));
    }
    return folder;
  }

  /**
   * Returns the innermost folder that exists on the path to a file or folder.
   *
   * @throws UserError if nothing can be created in it
   */
  static Path nearestFolder(Path target) {
    Path folder = folderOf(target);
    while (!Files.exists(folder)) {
      folder = folderOf(folder);
    }
    if (!Files.isDirectory(folder)) {
      throw new UserError(
          "%s: cannot write: %s is a file, not a folder; choose another name"
              .formatted(target, folder));
    }
    if (!Files.isWritable(folder)) {
      throw notWritable(target, folder);
    }
    return folder;
  }

  private static Path folderOf(Path target) {
    return Objects.requireNonNull(target.toAbsolutePath().getParent()); // the root exists
  }

  static UserError notWritable(Path target, Path folder) {
    return new UserError(
        "%s: cannot write: the folder %s is not writable; change its permissions, or choose another"
            .formatted(target, folder));
  }

  /** Links in /dev that lead to regular files are devices too: /dev/stdout, for example. */
  private static boolean isDevice(Path file, Path folder) {
    return (Files.exists(file) && !Files.isRegularFile(file))
        || folder.equals(DEVICES)
        || folder.startsWith(PROCESSES);
  }
}
