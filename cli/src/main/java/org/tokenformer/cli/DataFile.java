package org.tokenformer.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.checkpoint.Sha256;

/**
 * A data file of a run.
 *
 * @param path absolute if it is a file
 * @param sha256 fingerprint: SHA-256 of its size and its contents, for a large file of equally
 *     spaced pieces only; empty if it was not a file, such as a pipe, and cannot be read again
 */
record DataFile(Path path, String sha256) {
  private static final int PIECE = 1 << 14;
  private static final int PIECES = 1 << 12;

  /** Identifies a file; a path that does not exist is rejected later, when it is opened. */
  static DataFile of(Path path) throws IOException {
    return Files.isRegularFile(path)
        ? new DataFile(path.toAbsolutePath(), fingerprint(path))
        : new DataFile(path, "");
  }

  static List<DataFile> of(List<Path> paths) throws IOException {
    List<DataFile> files = new ArrayList<>();
    for (Path path : paths) {
      files.add(of(path));
    }
    return List.copyOf(files);
  }

  static List<Path> paths(List<DataFile> files) {
    return files.stream().map(DataFile::path).toList();
  }

  /**
   * Checks that the file is the one that the run started with.
   *
   * @param option that names it
   */
  void requireUnchanged(String option) throws IOException {
    if (sha256.isEmpty()) {
      throw new UserError(
          "%s: was not a file, so the run cannot read it again; name its contents with %s"
              .formatted(path, option));
    }
    if (!Files.isRegularFile(path)) {
      throw new UserError(
          "%s: no such file, but the run used it as %s; if it was moved, name it with %s"
              .formatted(path, option, option));
    }
    if (!sha256.equals(fingerprint(path))) {
      throw new UserError(
          "%s: has changed since the run used it as %s; restore it, or name the right file with %s"
              .formatted(path, option, option));
    }
  }

  private static String fingerprint(Path file) throws IOException {
    Sha256 digest = new Sha256();
    ByteBuffer buffer = ByteBuffer.allocate(PIECE);
    try (FileChannel channel = FileChannel.open(file)) {
      long size = channel.size();
      digest.update(buffer.putLong(size).flip());
      long distance = Math.max(PIECE, size / PIECES);
      for (long from = 0; from < size; from += distance) {
        buffer.clear();
        while (buffer.hasRemaining() && channel.read(buffer, from + buffer.position()) >= 0) {}
        digest.update(buffer.flip());
      }
    }
    return digest.hex();
  }
}
