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
 * Writes files that appear complete or not at all: into a temporary file of the same folder, synced
 * to the disk, then renamed. On any failure the temporary file is deleted and what was there before
 * stays. Only a crash of the machine or a killed process can leave a {@code .name.*.tmp} behind.
 */
public final class AtomicFiles {
  /** Produces the contents of a file. */
  @FunctionalInterface
  public interface Writer {
    /** Writes everything, in order. The channel takes whole buffers and is closed by the caller. */
    void write(WritableByteChannel out) throws IOException;
  }

  /** How the names of temporary files and folders end. */
  static final String TEMPORARY = ".tmp";

  private AtomicFiles() {}

  /**
   * Writes a file, replacing the one of this name (or the symbolic link, not what it points to).
   *
   * @throws CheckpointException that the writer throws, as it is; for any other {@code
   *     IOException}, of kind {@code CANNOT_WRITE} with the system's reason
   */
  public static void write(Path target, Writer writer) throws CheckpointException {
    if (Files.isDirectory(target)) {
      throw new CheckpointException(Kind.EXISTS, target, "is a folder; name a file");
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
        deleteIfThere(temporary);
      }
    }
    syncFolder(folderOf(target));
  }

  /** Writes a file of UTF-8 text; see {@link #write}. */
  public static void writeText(Path target, String text) throws CheckpointException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    write(target, out -> Segments.write(out, ByteBuffer.wrap(bytes)));
  }

  /** Writes a file of the contents of another; see {@link #write}. */
  public static void copy(Path source, Path target) throws CheckpointException {
    write(target, out -> Files.copy(source, Channels.newOutputStream(out)));
  }

  /**
   * Makes a symbolic link, replacing the one of this name.
   *
   * @param pointsTo relative to the link's folder
   * @throws UnsupportedOperationException if this system has no links
   * @throws IOException if they are not allowed here
   */
  public static void link(Path target, Path pointsTo) throws IOException {
    Path temporary = temporarySibling(target);
    Files.createSymbolicLink(temporary, pointsTo);
    try {
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      deleteIfThere(temporary);
      throw e;
    }
    syncFolder(folderOf(target));
  }

  /** A clearer line than the system's, for what happens most. */
  static void requireFolder(Path target) throws CheckpointException {
    Path folder = folderOf(target);
    if (!Files.isDirectory(folder)) {
      throw new CheckpointException(
          Kind.CANNOT_WRITE, target, "cannot write: there is no folder " + folder);
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

  /** A name beside the target that does not exist, on the same file system by construction. */
  static Path temporarySibling(Path target) {
    String unique = Long.toUnsignedString(ThreadLocalRandom.current().nextLong(), 36);
    return folderOf(target).resolve("." + target.getFileName() + "." + unique + TEMPORARY);
  }

  /**
   * Makes a rename survive a power cut. Some systems (Windows) cannot open a folder and some file
   * systems cannot sync one; the data itself is safe by then, so that is not an error.
   */
  static void syncFolder(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      return;
    }
  }

  private static void deleteIfThere(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // The failure that brought us here is the one to report.
      return;
    }
  }
}
