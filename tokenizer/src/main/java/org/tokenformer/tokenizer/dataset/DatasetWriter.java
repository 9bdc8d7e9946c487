package org.tokenformer.tokenizer.dataset;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.tokenformer.tokenizer.dataset.IpcMessages.BatchBlock;
import org.tokenformer.tokenizer.io.AtomicFile;

/**
 * Writes a dataset: an Arrow IPC file with a column {@code input_ids}, a list of int32 for each
 * document. The tokenizer's fingerprint is in the schema's metadata as {@code tokenizer_vocab_size}
 * and {@code tokenizer_sha256}.
 *
 * <p>Rows of any length are appended in parts. Memory use is constant: record batches have up to
 * 2^20 ids, and the ids of a longer row are written to disk as they arrive. {@link #finish} syncs
 * the complete file and gives it its name; closing the writer earlier deletes what was written. For
 * one thread at a time.
 */
public final class DatasetWriter implements Closeable {
  private static final int BATCH_IDS = 1 << 20;
  private static final int CHUNK = 1 << 16;

  private final Path file;
  private final TokenizerFingerprint tokenizer;
  private final AtomicFile out;
  private final FileChannel channel;
  private final List<BatchBlock> batches = new ArrayList<>();
  private final ByteBuffer chunk =
      ByteBuffer.allocateDirect(CHUNK * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);

  /** The ids of the current batch: complete rows, then the current row. */
  private final int[] ids;

  private int filled;
  private final IntArrayList offsets = new IntArrayList(new int[] {0}); // ends of complete rows

  /** The start of the message of a long row, which has a batch of its own, or -1. */
  private long longRow = -1;

  private long longRowIds; // written so far
  private long rows;
  private long size;

  private DatasetWriter(Path file, TokenizerFingerprint tokenizer, AtomicFile out, int batchIds) {
    this.file = file;
    this.tokenizer = tokenizer;
    this.out = out;
    this.channel = out.channel();
    this.ids = new int[batchIds];
  }

  /**
   * Creates a writer.
   *
   * @param file the file to write; created or replaced by {@link #finish}
   * @throws DatasetException if the file cannot be written
   */
  public static DatasetWriter create(Path file, TokenizerFingerprint tokenizer)
      throws DatasetException {
    return create(file, tokenizer, BATCH_IDS);
  }

  static DatasetWriter create(Path file, TokenizerFingerprint tokenizer, int batchIds)
      throws DatasetException {
    try {
      DatasetWriter writer = new DatasetWriter(file, tokenizer, AtomicFile.create(file), batchIds);
      try {
        writer.writeBytes(ByteBuffer.allocate(IpcFormat.START).put(IpcFormat.magic()).rewind());
        writer.writeBytes(ArrowMetadata.schemaMessage(tokenizer));
        return writer;
      } catch (IOException e) {
        writer.close();
        throw e;
      }
    } catch (IOException e) {
      throw DatasetException.cannotWrite(file, e);
    }
  }

  /** Returns the number of complete rows. */
  public long rows() {
    return rows;
  }

  /** Returns the number of ids appended so far. */
  public long size() {
    return size;
  }

  /**
   * Appends ids to the current row.
   *
   * @throws DatasetException if they cannot be written or the row exceeds 2^31 - 1 ids
   */
  public void append(int[] from, int offset, int count) throws DatasetException {
    Objects.checkFromIndexSize(offset, count, from.length);
    try {
      int done = 0;
      while (done < count) {
        if (filled == ids.length) {
          makeRoom();
        }
        int n = Math.min(count - done, ids.length - filled);
        System.arraycopy(from, offset + done, ids, filled, n);
        filled += n;
        done += n;
      }
    } catch (IOException e) {
      throw DatasetException.cannotWrite(file, e);
    }
    size += count;
  }

  /** Ends the current row; the next id starts a new one. */
  public void endRow() throws DatasetException {
    try {
      if (longRow >= 0) {
        endLongRow();
      } else {
        offsets.add(filled);
        if (offsets.size() > ids.length) { // rows may be empty
          writeRows();
        }
      }
    } catch (IOException e) {
      throw DatasetException.cannotWrite(file, e);
    }
    rows++;
  }

  /**
   * Writes the remaining rows, syncs the file to disk and gives it its name. Nothing can be
   * appended afterwards.
   *
   * @throws IllegalStateException if the current row has not been ended
   */
  public void finish() throws DatasetException {
    if (longRow >= 0 || filled > completeIds()) {
      throw new IllegalStateException("the current row has not been ended; call endRow first");
    }
    try {
      writeRows();
      writeBytes(ArrowMetadata.end(tokenizer, batches));
      out.commit();
    } catch (IOException e) {
      throw DatasetException.cannotWrite(file, e);
    }
  }

  /** Deletes the temporary file, unless the dataset is finished. */
  @Override
  public void close() throws IOException {
    out.close();
  }

  private int completeIds() {
    return offsets.getInt(offsets.size() - 1);
  }

  private void makeRoom() throws IOException {
    if (longRow < 0 && completeIds() > 0) {
      writeRows();
      return;
    }
    if (longRow < 0) {
      writeRows(); // empty rows, if any
      longRow = channel.position();
      writeBytes(
          ArrowMetadata.batchMessage(
              1, filled)); // overwritten with the final counts when the row ends
      writeBytes(ByteBuffer.allocate((int) ArrowMetadata.idsStart(1)));
    }
    writeLongRowIds();
  }

  private void writeLongRowIds() throws IOException {
    if (longRowIds + filled > Integer.MAX_VALUE) {
      throw new DatasetException(
          file, "row " + rows + " has more than " + Integer.MAX_VALUE + " ids; split the document");
    }
    writeInts(ids, filled);
    longRowIds += filled;
    filled = 0;
  }

  /** Writes the complete rows as a batch, and moves the row under way to the front. */
  private void writeRows() throws IOException {
    int rowCount = offsets.size() - 1;
    if (rowCount == 0) {
      return;
    }
    int idCount = completeIds();
    long start = channel.position();
    ByteBuffer message = ArrowMetadata.batchMessage(rowCount, idCount);
    int metadataLength = message.remaining();
    writeBytes(message);
    writeInts(offsets.elements(), offsets.size());
    pad();
    writeInts(ids, idCount);
    pad();
    batches.add(new BatchBlock(start, metadataLength, ArrowMetadata.bodyLength(rowCount, idCount)));
    offsets.size(1);
    filled -= idCount;
    System.arraycopy(ids, idCount, ids, 0, filled);
  }

  private void endLongRow() throws IOException {
    writeLongRowIds();
    pad();
    ByteBuffer message = ArrowMetadata.batchMessage(1, longRowIds);
    int metadataLength = message.remaining();
    long end = channel.position();
    channel.position(longRow);
    writeBytes(message);
    writeInts(new int[] {0, (int) longRowIds}, 2);
    channel.position(end);
    batches.add(new BatchBlock(longRow, metadataLength, ArrowMetadata.bodyLength(1, longRowIds)));
    longRow = -1;
    longRowIds = 0;
  }

  /** Pads the file to the alignment; buffers are aligned relative to the start of the file. */
  private void pad() throws IOException {
    writeBytes(ByteBuffer.allocate(IpcMessages.padding(channel.position())));
  }

  private void writeInts(int[] values, int count) throws IOException {
    for (int done = 0; done < count; done += CHUNK) {
      int n = Math.min(CHUNK, count - done);
      chunk.clear().asIntBuffer().put(values, done, n);
      writeBytes(chunk.limit(n * Integer.BYTES));
    }
  }

  private void writeBytes(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      int _ = channel.write(bytes);
    }
  }
}
