package org.tokenformer.engine.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/**
 * Writes folders atomically: a temporary folder beside the target is filled, its files are synced,
 * and then it is renamed. On any failure the temporary folder is deleted.
 */
public final class AtomicFolder {
  /** What to do if the target exists. */
  public enum IfExists {
    /** Keep it and fail with kind {@code EXISTS} before anything is written. */
    REFUSE,
    /**
     * Replace it, and delete the old folder with everything in it: the caller must know that this
     * program created it. Replacing takes two renames; a machine crash between them leaves the old
     * folder under a hidden name beside the target.
     */
    REPLACE
  }

  /** Writes the files of a folder. */
  @FunctionalInterface
  public interface Writer {
    /** Fills an empty folder, which is renamed afterwards. */
    void write(Path folder) throws IOException;
  }

  private AtomicFolder() {}

  /**
   * Writes a folder.
   *
   * @throws CheckpointException that the writer throws, with the target in place of the temporary
   *     name; of kind {@code EXISTS} if the target may not be replaced; otherwise of kind {@code
   *     CANNOT_WRITE}
   */
  public static void write(Path target, IfExists ifExists, Writer writer)
      throws CheckpointException {
    checkTarget(target, ifExists);
    AtomicFiles.requireFolder(target);
    Path temporary = AtomicFiles.temporarySibling(target);
    boolean done = false;
    try {
      Files.createDirectory(temporary);
      writer.write(temporary);
      syncTree(temporary);
      rename(temporary, target, ifExists);
      done = true;
    } catch (CheckpointException e) {
      throw e.withFile(temporary, target);
    } catch (IOException e) {
      throw AtomicFiles.cannotWrite(target, e);
    } finally {
      if (!done) {
        deleteTreeQuietly(temporary);
      }
    }
    AtomicFiles.syncFolder(AtomicFiles.folderOf(target));
  }

  private static void checkTarget(Path target, IfExists ifExists) throws CheckpointException {
    if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)) {
      throw new CheckpointException(
          Kind.EXISTS, target, "exists and is not a folder; choose another name");
    }
    if (ifExists == IfExists.REFUSE) {
      throw new CheckpointException(
          Kind.EXISTS, target, "exists; choose another name, or allow replacing it");
    }
  }

  private static void rename(Path temporary, Path target, IfExists ifExists) throws IOException {
    if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      return;
    }
    checkTarget(target, ifExists); // it may have been created in the meantime
    Path old = AtomicFiles.temporarySibling(target);
    Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
    try {
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      Files.move(old, target, StandardCopyOption.ATOMIC_MOVE);
      throw e;
    }
    deleteTreeQuietly(old);
  }

  /** Syncs all files: those not written through {@link AtomicFiles} may not be on disk yet. */
  private static void syncTree(Path root) throws IOException {
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            if (attributes.isRegularFile()) {
              try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.force(true);
              }
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure)
              throws IOException {
            AtomicFiles.syncFolder(folder);
            return super.postVisitDirectory(folder, failure);
          }
        });
  }

  /**
   * Deletes a folder and everything in it, without following links. It is first renamed to a hidden
   * name, so that a folder under its own name is always complete.
   */
  public static void delete(Path folder) throws CheckpointException {
    Path old = AtomicFiles.temporarySibling(folder);
    try {
      Files.move(folder, old, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw AtomicFiles.cannotWrite(folder, e);
    }
    deleteTreeQuietly(old);
  }

  /**
   * Deletes the temporary files and folders that killed writers left in a folder. No other writer
   * may be active there.
   *
   * @param prefix of the targets' names
   */
  public static void deleteLeftovers(Path parent, String prefix) {
    try (DirectoryStream<Path> left =
        Files.newDirectoryStream(parent, "." + prefix + "*" + AtomicFiles.TEMPORARY)) {
      left.forEach(AtomicFolder::deleteTreeQuietly);
    } catch (IOException | DirectoryIteratorException e) {
      return; // leftovers do no harm
    }
  }

  /** Deletes a tree without following links. Files that cannot be deleted stay. */
  private static void deleteTreeQuietly(Path root) {
    try {
      Files.walkFileTree(
          root,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.delete(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure)
                throws IOException {
              Files.delete(folder);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      return;
    }
  }
}
