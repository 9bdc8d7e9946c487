package org.tokenformer.engine.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ThreadLocalRandom;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/**
 * Writes files atomically: the contents go to a temporary file in the same folder, which is synced
 * to disk and then renamed. On any failure the temporary file is deleted and an existing target
 * stays unchanged. Only a machine crash or a killed process can leave a {@code .name.*.tmp} file
 * behind.
 */
public final class AtomicFiles {
  /** Writes the contents of a file. */
  @FunctionalInterface
  public interface Writer {
    /**
     * Writes the whole contents, in order. Each write to the channel consumes the whole buffer; the
     * caller closes the channel.
     */
    void write(WritableByteChannel out) throws IOException;
  }

  /** Suffix of the names of temporary files and folders. */
  static final String TEMPORARY = ".tmp";

  private AtomicFiles() {}

  /**
   * Writes a file, replacing any file or symbolic link of this name. The target of a link stays
   * unchanged.
   *
   * @throws CheckpointException that the writer throws, unchanged; of kind {@code EXISTS} if the
   *     target is a folder; otherwise of kind {@code CANNOT_WRITE}, with the system's reason
   */
  public static void write(Path target, Writer writer) throws CheckpointException {
    if (Files.isDirectory(target)) {
      throw new CheckpointException(Kind.EXISTS, target, "is a folder; specify a file");
    }
    requireFolder(target);
    Path temporary = temporarySibling(target);
    boolean done = false;
    try {
      try (FileChannel out =
          FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        writer.write(out);
        out.force(true);
      }
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      done = true;
    } catch (CheckpointException e) {
      throw e;
    } catch (IOException e) {
      throw cannotWrite(target, e);
    } finally {
      if (!done) {
        deleteQuietly(temporary);
      }
    }
    syncFolder(folderOf(target));
  }

  /** Writes a UTF-8 text file; see {@link #write}. */
  public static void writeText(Path target, String text) throws CheckpointException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    write(target, out -> Segments.write(out, ByteBuffer.wrap(bytes)));
  }

  /** Copies the contents of a file to another; see {@link #write}. */
  public static void copy(Path source, Path target) throws CheckpointException {
    write(target, out -> Files.copy(source, Channels.newOutputStream(out)));
  }

  /**
   * Creates a symbolic link, replacing any file or link of this name.
   *
   * @param pointsTo relative to the link's folder
   * @throws UnsupportedOperationException if the file system has no symbolic links
   * @throws IOException if the link cannot be created
   */
  public static void link(Path target, Path pointsTo) throws IOException {
    Path temporary = temporarySibling(target);
    Files.createSymbolicLink(temporary, pointsTo);
    try {
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      deleteQuietly(temporary);
      throw e;
    }
    syncFolder(folderOf(target));
  }

  /** Rejects a target without a folder, the most frequent failure, with a clear message. */
  static void requireFolder(Path target) throws CheckpointException {
    Path folder = folderOf(target);
    if (!Files.isDirectory(folder)) {
      throw new CheckpointException(
          Kind.CANNOT_WRITE,
          target,
          "cannot write: there is no folder " + folder + "; create it first");
    }
  }

  static CheckpointException cannotWrite(Path target, IOException cause) {
    return new CheckpointException(
        Kind.CANNOT_WRITE,
        target,
        "cannot write: %s; nothing was changed".formatted(CheckpointException.reason(cause)),
        cause);
  }

  static Path folderOf(Path target) {
    Path folder = target.toAbsolutePath().getParent();
    return folder == null ? target.toAbsolutePath() : folder;
  }

  /** Returns an unused name in the target's folder, hence on the same file system. */
  static Path temporarySibling(Path target) {
    String unique = Long.toUnsignedString(ThreadLocalRandom.current().nextLong(), 36);
    return folderOf(target).resolve("." + target.getFileName() + "." + unique + TEMPORARY);
  }

  /**
   * Syncs a folder, so that a rename in it survives a power failure. Windows cannot open a folder
   * and some file systems cannot sync one; the file's data is already synced by then, so such a
   * failure is ignored.
   */
  static void syncFolder(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      return;
    }
  }

  private static void deleteQuietly(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // The original failure is the one to report.
      return;
    }
  }
}
