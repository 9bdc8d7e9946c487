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
 * The folder of a run: its last checkpoints, each a model folder {@code step-000200} that is there
 * complete or not at all, whenever the process or the machine dies.
 *
 * <p>The folder is a model folder itself: {@code config.json}, {@code model.safetensors} and {@code
 * tokenizer.json} are links through {@code latest}, which is a link to the last checkpoint; so all
 * three change with one rename. Where the file system has no links, they are copies.
 *
 * <p>It is one process's while it is open: another one would take what this one is writing for the
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
    clear();
  }

  /** A file that is locked until it is closed or the process dies, however it dies. */
  private static FileChannel lock(Path folder) throws IOException {
    FileChannel channel =
        FileChannel.open(folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    boolean taken;
    try {
      taken = channel.tryLock() == null;
    } catch (OverlappingFileLockException e) { // by this process
      taken = true;
    } catch (IOException e) { // there are file systems without locks
      taken = false;
    }
    if (taken) {
      channel.close();
      throw new ModelFormatException(
          folder + ": another run is writing to it; wait for its end, or choose another folder");
    }
    return channel;
  }

  /**
   * For a new run: makes the folder if it is not there.
   *
   * @param tokenizer the tokenizer's file, read now
   * @param keep how many checkpoints stay, from 1 on
   * @throws IOException if the tokenizer cannot be read, the folder cannot be made, it has
   *     checkpoints of another run, or a run is writing to it now
   */
  public static RunFolder create(Path folder, Path tokenizer, int keep) throws IOException {
    Path last = latest(folder);
    if (last != null) {
      throw new ModelFormatException(
          "%s: has %s of another run; resume that one, or choose another folder"
              .formatted(folder, last.getFileName()));
    }
    return new RunFolder(folder, Files.readAllBytes(tokenizer), keep);
  }

  /**
   * For a run that goes on from {@link #latest}.
   *
   * @param keep how many checkpoints stay, from 1 on
   * @throws IOException if there is none, or a run is writing to the folder now
   */
  public static RunFolder resume(Path folder, int keep) throws IOException {
    Path last = latest(folder);
    if (last == null) {
      throw new ModelFormatException(
          folder
              + ": has no checkpoint of a run to resume; a checkpoint is a folder "
              + PREFIX
              + "000000");
    }
    byte[] tokenizer = Files.readAllBytes(new CheckpointFiles(last).tokenizer());
    RunFolder resumed = new RunFolder(folder, tokenizer, keep);
    try {
      resumed.makeLatest(last); // the run may have been killed before it did
    } catch (IOException e) {
      resumed.close();
      throw e;
    }
    return resumed;
  }

  /** Deletes what a killed run has left unfinished. */
  private void clear() {
    AtomicFolder.deleteLeftovers(folder, PREFIX);
    AtomicFolder.deleteLeftovers(folder, LATEST);
    CheckpointFiles.MODEL.forEach(file -> AtomicFolder.deleteLeftovers(folder, file));
  }

  /** Lets other runs have the folder. */
  @Override
  public void close() throws IOException {
    lock.close();
  }

  /** Where it lies. */
  public Path path() {
    return folder;
  }

  /** The last checkpoint in a folder, or null if it has none or is not there. */
  public static @Nullable Path latest(Path folder) throws IOException {
    List<Path> all = checkpoints(folder);
    return all.isEmpty() ? null : all.getLast();
  }

  /** From the first to the last. */
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

  /** −1 for what is no checkpoint. */
  private static int stepOf(Path path) {
    Matcher name = NAME.matcher(String.valueOf(path.getFileName()));
    boolean is = name.matches() && Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
    return is ? Integer.parseInt(name.group(1)) : -1;
  }

  /**
   * Saves a run between two steps; then deletes the checkpoints that are not to be kept.
   *
   * @return the new checkpoint
   * @throws IOException with one line for people; those that were there before are there still
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
        if (!Files.isSymbolicLink(link)) { // it may be a copy, from where there were no links
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
