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
 * <p>If the best checkpoint is kept, {@code best} is a link to the one with the lowest validation
 * loss, or a copy of it; that checkpoint is never deleted.
 *
 * <p>An open folder is locked against other processes: they would mistake unfinished files for the
 * leftovers of a killed run.
 */
public final class RunFolder implements AutoCloseable {
  private static final String LOCK = ".lock";
  private static final String LATEST = "latest";
  private static final String BEST = "best";
  private static final String PREFIX = "step-";
  private static final Pattern NAME = Pattern.compile(PREFIX + "([0-9]{6,9})");

  private final Path folder;
  private final byte[] tokenizer;
  private final Kept kept;
  private final FileChannel lock;

  /**
   * Which checkpoints are kept.
   *
   * @param latest number of latest checkpoints, at least 1
   * @param best whether the one with the lowest validation loss is kept in addition
   */
  public record Kept(int latest, boolean best) {
    /** Checks the number. */
    public Kept {
      if (latest < 1) {
        throw ConfigException.notAllowed("keep", latest, "at least 1");
      }
    }
  }

  /**
   * The position of a checkpoint in its run.
   *
   * @param step steps done
   * @param steps total steps of the run
   * @param validationLoss measured after this step, in nats; NaN if none was
   */
  public record Checkpoint(int step, int steps, double validationLoss) {
    /** Reads it from a checkpoint's folder. Checksums are not verified. */
    public static Checkpoint read(Path folder) throws IOException {
      SavedState state = new CheckpointFiles(folder).readState();
      return new Checkpoint(
          state.progress().step(), state.options().schedule().steps(), state.validationLoss());
    }
  }

  private RunFolder(Path folder, byte[] tokenizer, Kept kept) throws IOException {
    this.folder = folder;
    this.tokenizer = tokenizer;
    this.kept = kept;
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
   * @throws IOException if the tokenizer cannot be read, the folder cannot be created, it contains
   *     checkpoints of another run, or another run is writing to it
   */
  public static RunFolder create(Path folder, Path tokenizer, Kept kept) throws IOException {
    Path last = latest(folder);
    if (last != null) {
      throw new ModelFormatException(
          "%s: contains %s of another run; resume that run or choose another folder"
              .formatted(folder, last.getFileName()));
    }
    return new RunFolder(folder, Files.readAllBytes(tokenizer), kept);
  }

  /**
   * Opens the folder of a run that resumes from {@link #latest}.
   *
   * @throws IOException if there is no checkpoint, or another run is writing to the folder
   */
  public static RunFolder resume(Path folder, Kept kept) throws IOException {
    Path last = latest(folder);
    if (last == null) {
      throw new ModelFormatException(
          folder
              + ": contains no checkpoint to resume from; a checkpoint is a folder such as "
              + PREFIX
              + "000200");
    }
    byte[] tokenizer = Files.readAllBytes(new CheckpointFiles(last).tokenizer());
    RunFolder resumed = new RunFolder(folder, tokenizer, kept);
    try {
      resumed.makeLatest(last); // the run may have been killed before it did this
      for (Path checkpoint : checkpoints(folder)) { // or this
        resumed.makeBestIfLower(checkpoint);
      }
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
    AtomicFolder.deleteLeftovers(folder, BEST);
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

  /**
   * Returns the checkpoint with the lowest validation loss, a folder or a link named {@code best};
   * null if the run does not keep it.
   */
  public static @Nullable Path best(Path folder) {
    Path best = folder.resolve(BEST);
    return isCheckpoint(best) ? best : null;
  }

  /** Returns whether a folder is a checkpoint, under whatever name. */
  public static boolean isCheckpoint(Path folder) {
    return Files.exists(new CheckpointFiles(folder).state());
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
   * @param validationLoss measured after the latest step, in nats; NaN if none was
   * @return the new checkpoint
   * @throws IOException with a one-line message; earlier checkpoints are unchanged
   */
  public Path save(Trainer trainer, double validationLoss) throws IOException {
    Path checkpoint =
        folder.resolve(String.format(Locale.ROOT, PREFIX + "%06d", trainer.stepsDone()));
    if (!Files.isDirectory(checkpoint)) {
      AtomicFolder.write(
          checkpoint,
          AtomicFolder.IfExists.REFUSE,
          temporary -> new CheckpointFiles(temporary).write(trainer, validationLoss, tokenizer));
    }
    makeLatest(checkpoint);
    makeBestIfLower(checkpoint);
    List<Path> all = checkpoints(folder);
    for (Path old : all.subList(0, Math.max(0, all.size() - kept.latest()))) {
      if (!isBest(old)) {
        AtomicFolder.delete(old);
      }
    }
    return checkpoint;
  }

  /** Returns whether a checkpoint with this validation loss would be kept as the best. */
  boolean wouldBeBest(double validationLoss) {
    if (!kept.best() || Double.isNaN(validationLoss)) {
      return false;
    }
    Path best = best(folder);
    double lowest = best == null ? Double.NaN : validationLoss(best);
    return Double.isNaN(lowest) || validationLoss < lowest;
  }

  /** Returns the validation loss of a checkpoint; NaN if it has none or cannot be read. */
  private static double validationLoss(Path checkpoint) {
    try {
      return Checkpoint.read(checkpoint).validationLoss();
    } catch (IOException e) {
      return Double.NaN; // a damaged checkpoint is not the best
    }
  }

  private boolean isBest(Path checkpoint) throws IOException {
    Path best = folder.resolve(BEST);
    return Files.exists(best) && Files.isSameFile(best, checkpoint);
  }

  private void makeBestIfLower(Path checkpoint) throws IOException {
    if (!wouldBeBest(validationLoss(checkpoint))) {
      return;
    }
    Path best = folder.resolve(BEST);
    try {
      AtomicFiles.link(best, checkpoint.getFileName());
    } catch (UnsupportedOperationException | FileSystemException e) {
      AtomicFolder.write(
          best,
          AtomicFolder.IfExists.REPLACE,
          temporary -> new CheckpointFiles(checkpoint).copyTo(temporary));
    }
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
