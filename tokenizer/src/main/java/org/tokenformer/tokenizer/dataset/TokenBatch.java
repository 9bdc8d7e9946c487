package org.tokenformer.tokenizer.dataset;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The ids of one record batch, in the memory-mapped file. Lists are stored end to end, so all ids
 * of a batch are one contiguous run. It starts at the first offset, which is not 0 in a slice.
 */
final class TokenBatch {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Number of ids scanned at a time; they fit the L1 cache. */
  private static final int CHUNK = 4096;

  /**
   * The integer widths of the column.
   *
   * @param longOffsets whether the column is a large_list
   * @param longIds whether its ids are int64
   */
  record Layout(boolean longOffsets, boolean longIds) {
    int idBytes() {
      return longIds ? Long.BYTES : Integer.BYTES;
    }

    int offsetBytes() {
      return longOffsets ? Long.BYTES : Integer.BYTES;
    }
  }

  private final Path file;
  private final Layout layout;
  private final long rows;
  private final long firstRow;
  private final MemorySegment offsets;
  private final MemorySegment ids;
  private final long size;

  private TokenBatch(
      Path file,
      Layout layout,
      long rows,
      long firstRow,
      MemorySegment offsets,
      MemorySegment ids,
      long size) {
    this.file = file;
    this.layout = layout;
    this.rows = rows;
    this.firstRow = firstRow;
    this.offsets = offsets;
    this.ids = ids;
    this.size = size;
  }

  /**
   * Creates a batch from its buffers. Returns null if the list offsets decrease or are outside the
   * ids, or if a buffer is too short.
   *
   * @param available number of ids according to the metadata
   */
  static @Nullable TokenBatch of(
      Path file,
      Layout layout,
      long rows,
      long firstRow,
      MemorySegment offsets,
      long available,
      MemorySegment ids) {
    if (available > ids.byteSize() / layout.idBytes()) {
      return null;
    }
    if (rows == 0) { // the offsets may be missing too
      return new TokenBatch(file, layout, 0, firstRow, offsets, ids.asSlice(0, 0), 0);
    }
    if (rows >= offsets.byteSize() / layout.offsetBytes()) {
      return null;
    }
    long first = offset(layout, offsets, 0);
    long last = first;
    for (long row = 1; row <= rows; row++) {
      long next = offset(layout, offsets, row);
      if (next < last) {
        return null;
      }
      last = next;
    }
    if (first < 0 || last > available) {
      return null;
    }
    MemorySegment run = ids.asSlice(first * layout.idBytes(), (last - first) * layout.idBytes());
    return new TokenBatch(file, layout, rows, firstRow, offsets, run, last - first);
  }

  private static long offset(Layout layout, MemorySegment offsets, long row) {
    return layout.longOffsets()
        ? offsets.get(LONG, row * Long.BYTES)
        : offsets.get(INT, row * Integer.BYTES);
  }

  long rows() {
    return rows;
  }

  /** Returns the number of ids. */
  long size() {
    return size;
  }

  /**
   * Copies ids.
   *
   * @return the index of the first id that does not fit an int, or -1
   */
  long copy(long from, int[] to, int at, int count) {
    if (!layout.longIds()) {
      MemorySegment.copy(ids, INT, from * Integer.BYTES, to, at, count);
      return -1;
    }
    for (int i = 0; i < count; i++) {
      long id = ids.get(LONG, (from + i) * Long.BYTES);
      to[at + i] = (int) id;
      if (to[at + i] != id) {
        return from + i;
      }
    }
    return -1;
  }

  /** Returns the index of the first id that is not in {@code 0..limit-1}, or -1. */
  long firstOutside(int limit) {
    int[] chunk = new int[CHUNK];
    for (long from = 0; from < size; from += CHUNK) {
      int count = (int) Math.min(CHUNK, size - from);
      long wide = copy(from, chunk, 0, count);
      int checked = wide < 0 ? count : (int) (wide - from);
      int largest = Integer.MIN_VALUE;
      for (int i = 0; i < checked; i++) { // the JIT vectorises this form
        largest =
            Math.max(largest, chunk[i] + Integer.MIN_VALUE); // negative ids become the largest
      }
      if (checked > 0 && largest >= limit + Integer.MIN_VALUE) {
        return from + indexOutside(chunk, limit);
      }
      if (wide >= 0) {
        return wide;
      }
    }
    return -1;
  }

  private static int indexOutside(int[] ids, int limit) {
    int i = 0;
    while (ids[i] >= 0 && ids[i] < limit) {
      i++;
    }
    return i;
  }

  /**
   * Creates an exception about an id.
   *
   * @param position the position of the id in the whole dataset
   */
  DatasetException problem(long index, long position, String what) {
    long id =
        layout.longIds() ? ids.get(LONG, index * Long.BYTES) : ids.get(INT, index * Integer.BYTES);
    return new DatasetException(
        file, "id %d at position %d (row %d) %s".formatted(id, position, rowOf(index), what));
  }

  /** Returns the row of an id, counted over the whole dataset. */
  private long rowOf(long index) {
    long target = offset(layout, offsets, 0) + index;
    long low = 0;
    long high = rows;
    while (high - low > 1) { // offset(low) <= target < offset(high)
      long middle = (low + high) >>> 1;
      if (offset(layout, offsets, middle) <= target) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return firstRow + low;
  }
}
