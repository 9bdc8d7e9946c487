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
 * Writes folders atomically: a temporary folder is filled, its files are synced, and then it is
 * renamed. On any failure the temporary folder is deleted.
 *
 * <p>The temporary folder is beside the target or, if the target exists, inside it: the target may
 * be a mount point, such as a container's volume. The current folder and a folder that cannot be
 * renamed keep their place, and only their content is replaced, file by file.
 */
public final class AtomicFolder {
  /** What to do if the target exists. */
  public enum IfExists {
    /** Keep it and fail with kind {@code EXISTS} before anything is written. */
    REFUSE,
    /**
     * Replace it, and delete the old folder with everything in it: the caller must know that this
     * program created it. Replacing takes two renames; a machine crash between them leaves the old
     * folder under a hidden name beside the target, or the old files in a hidden folder inside it.
     * A link to a folder stays, and the folder is replaced.
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
    boolean exists = Files.isDirectory(target);
    if (!exists) {
      AtomicFiles.requireFolder(target);
    }
    Path temporary = exists ? temporaryIn(target) : AtomicFiles.temporarySibling(target);
    boolean done = false;
    try {
      Files.createDirectory(temporary);
      writer.write(temporary);
      syncTree(temporary);
      if (exists) {
        replace(target.toRealPath(), temporary.toRealPath());
      } else {
        checkTarget(target, IfExists.REFUSE); // it may have been created in the meantime
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      }
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
    AtomicFiles.syncFolder(target);
    AtomicFiles.syncFolder(AtomicFiles.folderOf(target));
  }

  private static void checkTarget(Path target, IfExists ifExists) throws CheckpointException {
    if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.isDirectory(target)) {
      throw new CheckpointException(
          Kind.EXISTS, target, "exists and is not a folder; choose another name");
    }
    if (ifExists == IfExists.REFUSE) {
      throw new CheckpointException(
          Kind.EXISTS, target, "exists; choose another name, or allow replacing it");
    }
  }

  /** Replaces a folder by one that is inside it. */
  private static void replace(Path folder, Path temporary) throws IOException {
    Path sibling = AtomicFiles.temporarySibling(folder);
    if (isCurrent(folder) || !canMove(temporary, sibling)) {
      replaceContent(folder, temporary);
      return;
    }
    Path old = AtomicFiles.temporarySibling(folder);
    try {
      Files.move(folder, old, StandardCopyOption.ATOMIC_MOVE);
      try {
        Files.move(sibling, folder, StandardCopyOption.ATOMIC_MOVE);
      } catch (IOException e) {
        Files.move(old, folder, StandardCopyOption.ATOMIC_MOVE);
        throw e;
      }
    } catch (IOException e) {
      deleteTreeQuietly(sibling);
      throw e;
    }
    deleteTreeQuietly(old);
  }

  /** Returns whether the process runs in a folder; shells would stay in the deleted one. */
  private static boolean isCurrent(Path folder) throws IOException {
    Path current = Path.of("");
    return Files.exists(current) && current.toRealPath().startsWith(folder);
  }

  /** Moves a folder, unless the target is on another mount or may not be written. */
  private static boolean canMove(Path from, Path to) {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private static void replaceContent(Path folder, Path temporary) throws IOException {
    Path old = Files.createDirectory(temporaryIn(folder));
    try {
      moveContent(folder, old);
      moveContent(temporary, folder);
    } catch (IOException e) {
      moveContent(folder, temporary);
      moveContent(old, folder);
      throw e;
    } finally {
      deleteTreeQuietly(old);
    }
    deleteTreeQuietly(temporary);
  }

  private static void moveContent(Path from, Path to) throws IOException {
    try (DirectoryStream<Path> content =
        Files.newDirectoryStream(from, file -> !isLeftover(file))) {
      for (Path file : content) {
        Files.move(file, to.resolve(file.getFileName()), StandardCopyOption.ATOMIC_MOVE);
      }
    }
  }

  private static Path temporaryIn(Path folder) {
    return AtomicFiles.temporarySibling(folder.resolve("new"));
  }

  /** Returns whether a name is one of those that writers give to unfinished files and folders. */
  public static boolean isLeftover(Path file) {
    String name = file.getFileName().toString();
    return name.startsWith(".") && name.endsWith(AtomicFiles.TEMPORARY);
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
