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
 * The rows of a dataset as one stream of ids with random access. A dataset is an Arrow IPC file or
 * stream, as written by pyarrow, HF datasets or {@link DatasetWriter}, with a column {@code
 * input_ids}, a list or large_list of int32 or int64. Other columns are ignored.
 *
 * <p>The file is memory-mapped, so its size is not limited by memory; ids are copied as they are
 * read. Opening checks the structure of the file; the ids are checked only by {@link
 * #requireIdsBelow}. If the file is truncated while it is mapped, the program crashes.
 *
 * <p>Safe for concurrent use.
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
   * Returns whether a file is a dataset (an Arrow IPC file or stream), judging by its first bytes,
   * which no UTF-8 text begins with. Returns false for anything that is not a regular file, since
   * it could not be mapped.
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
   * Opens a dataset by memory-mapping its file.
   *
   * @throws DatasetException if the file is not a dataset, is damaged or truncated, or is of an
   *     unsupported kind; the one-line message says which
   * @throws IOException if the file cannot be read
   */
  @SuppressWarnings("MustBeClosedChecker") // closed with the dataset
  public static TokenDataset open(Path file) throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new DatasetException(file, "is not a regular file, so it cannot be memory-mapped");
    }
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(file)) {
      return of(file, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena), arena);
    } catch (IOException | RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /** Creates a dataset from bytes in memory; closing it closes their arena. */
  static TokenDataset of(Path file, MemorySegment bytes, Arena arena) throws DatasetException {
    DatasetLoader content = new DatasetLoader(file);
    IpcReader.read(file, bytes, content);
    return new TokenDataset(file, arena, content);
  }

  /** Returns the number of ids of all rows. */
  public long size() {
    return size;
  }

  /** Returns the number of rows; each row is a document. */
  public long rows() {
    return rows;
  }

  /** Returns the fingerprint of the tokenizer that produced the ids, if the file has it. */
  public Optional<TokenizerFingerprint> tokenizer() {
    return Optional.ofNullable(tokenizer);
  }

  /**
   * Reads ids {@code from .. from + count - 1} of the stream.
   *
   * @throws IndexOutOfBoundsException if the range is outside the stream or the array
   * @throws UncheckedIOException if a 64-bit id does not fit an int; never after {@link
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
        throw new UncheckedIOException(problem(batch, bad, "does not fit int32"));
      }
      done += n;
      batch++;
    }
  }

  /**
   * Reads and checks all ids.
   *
   * @throws DatasetException if an id is not in {@code 0..vocabulary-1}; the message names the
   *     first
   */
  public void requireIdsBelow(int vocabulary) throws DatasetException {
    for (int i = 0; i < batches.length; i++) {
      long bad = batches[i].firstOutside(vocabulary);
      if (bad >= 0) {
        throw problem(
            i,
            bad,
            "is not in the vocabulary (0 to %d); prepare the dataset with the model's tokenizer"
                .formatted(vocabulary - 1));
      }
    }
  }

  private DatasetException problem(int batch, long index, String what) {
    return batches[batch].problem(index, starts[batch] + index, what);
  }

  /** Returns the path of the file, as it was opened. */
  @Override
  public String toString() {
    return file.toString();
  }

  /** Unmaps the file. No read may be in progress. */
  @Override
  public void close() {
    arena.close();
  }
}
