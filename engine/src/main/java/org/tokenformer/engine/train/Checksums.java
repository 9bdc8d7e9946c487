package org.tokenformer.engine.train;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.engine.checkpoint.AtomicFiles;
import org.tokenformer.engine.checkpoint.Sha256;
import org.tokenformer.engine.model.files.ModelFormatException;

/** The SHA-256 checksums of a folder's files, in the format of {@code sha256sum -c}. */
final class Checksums {
  static final String FILE = "SHA256SUMS";

  private static final int BLOCK = 1 << 16;
  private static final int MAX_FILE_BYTES = 1 << 16;

  private Checksums() {}

  /** Writes the checksums of the given files of a folder. */
  static void write(Path folder, List<String> files) throws IOException {
    StringBuilder sums = new StringBuilder();
    for (String file : files) {
      sums.append(sum(folder.resolve(file))).append("  ").append(file).append('\n');
    }
    AtomicFiles.writeText(folder.resolve(FILE), sums.toString());
  }

  /**
   * Compares the files with their checksums.
   *
   * @param advice what to do about a damaged file
   * @throws ModelFormatException naming the first file that is missing or has changed
   */
  static void verify(Path folder, List<String> files, String advice) throws IOException {
    Path list = folder.resolve(FILE);
    if (!Files.isRegularFile(list) || Files.size(list) > MAX_FILE_BYTES) {
      throw new ModelFormatException(
          list + ": is missing or is not a list of checksums; " + advice);
    }
    String sums = Files.readString(list, StandardCharsets.ISO_8859_1);
    for (String file : files) {
      Path path = folder.resolve(file);
      if (!Files.isRegularFile(path)) {
        throw new ModelFormatException(path + ": is missing; " + advice);
      }
      if (!sums.contains(sum(path) + "  " + file + "\n")) {
        throw new ModelFormatException(
            path + ": is damaged: its SHA-256 is not the one in " + FILE + "; " + advice);
      }
    }
  }

  private static String sum(Path file) throws IOException {
    Sha256 digest = new Sha256();
    ByteBuffer buffer = ByteBuffer.allocate(BLOCK);
    try (FileChannel channel = FileChannel.open(file)) {
      while (channel.read(buffer.clear()) >= 0) {
        digest.update(buffer.flip());
      }
    }
    return digest.hex();
  }
}
