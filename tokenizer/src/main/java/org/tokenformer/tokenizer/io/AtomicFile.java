package org.tokenformer.tokenizer.io;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A file that is written completely or not at all. The content goes to a temporary file {@code
 * .name.*.tmp} in the same folder; {@link #commit} syncs it to disk and then renames it to the
 * target. Closing it without a commit deletes the temporary file and leaves the target unchanged.
 */
public final class AtomicFile implements Closeable {
  private final Path target;
  private final Path temporary;
  private final FileChannel channel;

  private AtomicFile(Path target, Path temporary, FileChannel channel) {
    this.target = target;
    this.temporary = temporary;
    this.channel = channel;
  }

  /** Creates the temporary file. The target may exist but must not be a folder. */
  public static AtomicFile create(Path file) throws IOException {
    Path target = file.toAbsolutePath();
    if (Files.isDirectory(target)) {
      throw new FileSystemException(file.toString(), null, "it is a folder");
    }
    String unique = Long.toUnsignedString(ThreadLocalRandom.current().nextLong(), 36);
    Path temporary = target.resolveSibling("." + target.getFileName() + "." + unique + ".tmp");
    FileChannel channel =
        FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    return new AtomicFile(target, temporary, channel);
  }

  /** Returns the channel to write the content to. */
  public FileChannel channel() {
    return channel;
  }

  /** Syncs the complete content and renames the file to the target, replacing any old one. */
  public void commit() throws IOException {
    channel.force(true);
    channel.close();
    Files.move(
        temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    syncFolder(Objects.requireNonNullElse(target.getParent(), target));
  }

  /**
   * Makes the rename survive a power failure. Some systems cannot open or sync a folder; this is
   * not an error, since the content is already on disk.
   */
  private static void syncFolder(Path folder) {
    try (FileChannel opened = FileChannel.open(folder, StandardOpenOption.READ)) {
      opened.force(true);
    } catch (IOException e) {
      return;
    }
  }

  /** Deletes the temporary file, unless it has been committed. */
  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  /** Returns in one line why a file could not be written. */
  public static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "its folder does not exist";
      case AccessDeniedException _ -> "permission denied";
      case FileSystemException f when f.getReason() != null -> f.getReason();
      default -> Objects.requireNonNullElse(e.getMessage(), "unexpected error");
    };
  }
}
