package org.tokenformer.tokenizer.dataset;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a dataset as one stream of ids with random access: an Arrow IPC file or stream, as
 * pyarrow, HF datasets and {@link DatasetWriter} write it, with a column {@code input_ids}, a list
 * or large_list of int32 or int64. Other columns do not matter.
 *
 * <p>The file is mapped, so its size is no matter of memory; ids are copied from it as they are
 * read. All that the file says of its structure is checked when it is opened, its ids only by
 * {@link #requireIdsBelow}. A file that is cut short while it is mapped ends the program.
 *
 * <p>Safe for any number of threads.
 */
public final class TokenDataset implements Closeable {
  private final Path file;
  private final Arena arena;
  private final TokenBatch[] batches;
  private final long[] starts; // positions of the batches' first ids
  private final long size;
  private final long rows;
  private final @Nullable TokenizerFingerprint tokenizer;

  private TokenDataset(Path file, Arena arena, DatasetLoader content) {
    this.file = file;
    this.arena = arena;
    batches = content.batches().toArray(TokenBatch[]::new);
    starts = new long[batches.length];
    long position = 0;
    for (int i = 0; i < batches.length; i++) {
      starts[i] = position;
      position = Math.addExact(position, batches[i].size());
    }
    size = position;
    rows = content.rows();
    tokenizer = content.tokenizer();
  }

  /**
   * Whether a file is a dataset by its first bytes: an Arrow IPC file or stream. No text in UTF-8
   * begins so. What is not a regular file is none, because it cannot be mapped.
   */
  public static boolean isDataset(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      return false;
    }
    try (InputStream in = Files.newInputStream(file)) {
      return IpcFormat.of(in.readNBytes(IpcFormat.START)) != null;
    }
  }

  /**
   * Maps a dataset.
   *
   * @throws DatasetException if it is not one, is damaged or cut short, or is of a kind not read
   *     here; the message is one line that says which
   * @throws IOException if it cannot be read
   */
  @SuppressWarnings("MustBeClosedChecker") // closed with the dataset
  public static TokenDataset open(Path file) throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new DatasetException(file, "is not a regular file, so that it cannot be mapped");
    }
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(file)) {
      return of(file, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena), arena);
    } catch (IOException | RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /** A dataset whose bytes are in memory; it closes the arena that they belong to. */
  static TokenDataset of(Path file, MemorySegment bytes, Arena arena) throws DatasetException {
    DatasetLoader content = new DatasetLoader(file);
    IpcReader.read(file, bytes, content);
    return new TokenDataset(file, arena, content);
  }

  /** The ids of all rows. */
  public long size() {
    return size;
  }

  /** The rows, each of which is a document. */
  public long rows() {
    return rows;
  }

  /** Which tokenizer made the ids, where the file says so. */
  public Optional<TokenizerFingerprint> tokenizer() {
    return Optional.ofNullable(tokenizer);
  }

  /**
   * Reads ids {@code from .. from + count - 1} of the stream.
   *
   * @throws IndexOutOfBoundsException if they are not within the stream or the array
   * @throws UncheckedIOException if an id of 64 bits does not fit 32; never after {@link
   *     #requireIdsBelow}
   * @throws IllegalStateException if the dataset is closed
   */
  public void read(long from, int[] to, int offset, int count) {
    Objects.checkFromIndexSize(from, count, size);
    Objects.checkFromIndexSize(offset, count, to.length);
    if (count == 0) {
      return;
    }
    int found = Arrays.binarySearch(starts, from);
    int batch = found >= 0 ? found : -found - 2;
    int done = 0;
    while (done < count) {
      long index = from + done - starts[batch];
      int n = (int) Math.min(count - done, batches[batch].size() - index);
      long bad = batches[batch].copy(index, to, offset + done, n);
      if (bad >= 0) {
        throw new UncheckedIOException(problem(batch, bad, "is not an int32"));
      }
      done += n;
      batch++;
    }
  }

  /**
   * Reads all ids once and checks them.
   *
   * @throws DatasetException naming the first id that is not in {@code 0..vocabulary-1}
   */
  public void requireIdsBelow(int vocabulary) throws DatasetException {
    for (int i = 0; i < batches.length; i++) {
      long bad = batches[i].firstOutside(vocabulary);
      if (bad >= 0) {
        throw problem(
            i,
            bad,
            "is not in 0 to %d, the vocabulary; prepare the dataset with the model's tokenizer"
                .formatted(vocabulary - 1));
      }
    }
  }

  private DatasetException problem(int batch, long index, String what) {
    return batches[batch].problem(index, starts[batch] + index, what);
  }

  /** The file's name, as it was opened. */
  @Override
  public String toString() {
    return file.toString();
  }

  /** Unmaps the file. Reading has to have ended. */
  @Override
  public void close() {
    arena.close();
  }
}
