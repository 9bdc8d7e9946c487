package org.tokenformer.engine.train;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.AtomicFiles;
import org.tokenformer.engine.checkpoint.AtomicFolder;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.files.ModelFormatException;

/**
 * The folder of a run with its latest checkpoints. Each checkpoint is a model folder {@code
 * step-000200} that is written atomically: if the process or the machine dies, it is complete or
 * does not exist.
 *
 * <p>The run folder is a model folder itself: {@code config.json}, {@code model.safetensors} and
 * {@code tokenizer.json} are links through {@code latest}, which is a link to the latest
 * checkpoint, so all three change with one rename. On file systems without links they are copies.
 *
 * <p>An open folder is locked against other processes: they would mistake unfinished files for the
 * leftovers of a killed run.
 */
public final class RunFolder implements AutoCloseable {
  private static final String LOCK = ".lock";
  private static final String LATEST = "latest";
  private static final String PREFIX = "step-";
  private static final Pattern NAME = Pattern.compile(PREFIX + "([0-9]{6,9})");

  private final Path folder;
  private final byte[] tokenizer;
  private final int keep;
  private final FileChannel lock;

  private RunFolder(Path folder, byte[] tokenizer, int keep) throws IOException {
    if (keep < 1) {
      throw ConfigException.notAllowed("keep", keep, "at least 1");
    }
    this.folder = folder;
    this.tokenizer = tokenizer;
    this.keep = keep;
    Files.createDirectories(folder);
    lock = lock(folder);
    deleteLeftovers();
  }

  /** Opens a file that stays locked until it is closed or the process dies. */
  private static FileChannel lock(Path folder) throws IOException {
    FileChannel channel =
        FileChannel.open(folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    boolean locked;
    try {
      locked = channel.tryLock() == null;
    } catch (OverlappingFileLockException e) { // by this process
      locked = true;
    } catch (IOException e) { // some file systems have no locks
      locked = false;
    }
    if (locked) {
      channel.close();
      throw new ModelFormatException(
          folder + ": another run is writing to it; wait until it ends or choose another folder");
    }
    return channel;
  }

  /**
   * Opens the folder of a new run and creates it if it does not exist.
   *
   * @param tokenizer the tokenizer's file, read immediately
   * @param keep number of checkpoints to keep, at least 1
   * @throws IOException if the tokenizer cannot be read, the folder cannot be created, it contains
   *     checkpoints of another run, or another run is writing to it
   */
  public static RunFolder create(Path folder, Path tokenizer, int keep) throws IOException {
    Path last = latest(folder);
    if (last != null) {
      throw new ModelFormatException(
          "%s: contains %s of another run; resume that run or choose another folder"
              .formatted(folder, last.getFileName()));
    }
    return new RunFolder(folder, Files.readAllBytes(tokenizer), keep);
  }

  /**
   * Opens the folder of a run that resumes from {@link #latest}.
   *
   * @param keep number of checkpoints to keep, at least 1
   * @throws IOException if there is no checkpoint, or another run is writing to the folder
   */
  public static RunFolder resume(Path folder, int keep) throws IOException {
    Path last = latest(folder);
    if (last == null) {
      throw new ModelFormatException(
          folder
              + ": contains no checkpoint to resume from; a checkpoint is a folder such as "
              + PREFIX
              + "000200");
    }
    byte[] tokenizer = Files.readAllBytes(new CheckpointFiles(last).tokenizer());
    RunFolder resumed = new RunFolder(folder, tokenizer, keep);
    try {
      resumed.makeLatest(last); // the run may have been killed before it did this
    } catch (IOException e) {
      resumed.close();
      throw e;
    }
    return resumed;
  }

  /** Deletes the unfinished files of a killed run. */
  private void deleteLeftovers() {
    AtomicFolder.deleteLeftovers(folder, PREFIX);
    AtomicFolder.deleteLeftovers(folder, LATEST);
    CheckpointFiles.MODEL.forEach(file -> AtomicFolder.deleteLeftovers(folder, file));
  }

  /** Releases the lock. */
  @Override
  public void close() throws IOException {
    lock.close();
  }

  /** Returns the path of the folder. */
  public Path path() {
    return folder;
  }

  /** Returns the latest checkpoint in a folder; null if it has none or does not exist. */
  public static @Nullable Path latest(Path folder) throws IOException {
    List<Path> all = checkpoints(folder);
    return all.isEmpty() ? null : all.getLast();
  }

  /** Returns all checkpoints in the order of their steps. */
  private static List<Path> checkpoints(Path folder) throws IOException {
    List<Path> found = new ArrayList<>();
    if (Files.isDirectory(folder)) {
      try (DirectoryStream<Path> entries =
          Files.newDirectoryStream(folder, entry -> stepOf(entry) >= 0)) {
        entries.forEach(found::add);
      } catch (DirectoryIteratorException e) {
        throw e.getCause();
      }
    }
    found.sort(Comparator.comparingInt(RunFolder::stepOf));
    return found;
  }

  /** Returns the step of a checkpoint, or −1 if the path is not a checkpoint. */
  private static int stepOf(Path path) {
    Matcher name = NAME.matcher(String.valueOf(path.getFileName()));
    boolean isCheckpoint = name.matches() && Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
    return isCheckpoint ? Integer.parseInt(name.group(1)) : -1;
  }

  /**
   * Saves a run between two steps, then deletes the oldest checkpoints beyond those to keep.
   *
   * @return the new checkpoint
   * @throws IOException with a one-line message; earlier checkpoints are unchanged
   */
  public Path save(Trainer trainer) throws IOException {
    Path checkpoint =
        folder.resolve(String.format(Locale.ROOT, PREFIX + "%06d", trainer.stepsDone()));
    if (!Files.isDirectory(checkpoint)) {
      AtomicFolder.write(
          checkpoint,
          AtomicFolder.IfExists.REFUSE,
          temporary -> new CheckpointFiles(temporary).write(trainer, tokenizer));
    }
    makeLatest(checkpoint);
    List<Path> all = checkpoints(folder);
    for (Path old : all.subList(0, Math.max(0, all.size() - keep))) {
      AtomicFolder.delete(old);
    }
    return checkpoint;
  }

  private void makeLatest(Path checkpoint) throws IOException {
    try {
      AtomicFiles.link(folder.resolve(LATEST), checkpoint.getFileName());
      for (String file : CheckpointFiles.MODEL) {
        Path link = folder.resolve(file);
        if (!Files.isSymbolicLink(link)) { // it may be a copy from a file system without links
          AtomicFiles.link(link, Path.of(LATEST, file));
        }
      }
    } catch (UnsupportedOperationException | FileSystemException e) {
      for (String file : CheckpointFiles.MODEL) {
        AtomicFiles.copy(checkpoint.resolve(file), folder.resolve(file));
      }
    }
  }
}
