package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.tensor.Quantized.GROUP;

import java.util.Arrays;
import java.util.List;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Quantized;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A matrix of weights whose rows are in one tensor or, for parameter tokens, in several consecutive
 * segments. To the kernels it is one matrix: row numbers count through all segments, so the order
 * of additions does not depend on how it is divided.
 *
 * <p>Each operation refills it before the workers start, so that nothing is allocated.
 */
final class WeightRows {
  /** Rows of other types that are widened at a time before they are packed by columns. */
  private static final int WIDENED_ROWS = 16;

  /**
   * Floats of such a row: a block of columns, plus the start of the group that its first column is
   * in.
   */
  private static final int WIDENED_COLUMNS = Simd.roundUp(Gemm.ROW_BLOCK, GROUP) + GROUP;

  /** Bytes of scratch for rows that are widened before they are packed. */
  static final long WIDENED_BYTES =
      Float.BYTES * (long) Math.max(WIDENED_ROWS * WIDENED_COLUMNS, PANEL * Gemm.K_BLOCK);

  private int segments;
  private long[] addresses = new long[1];
  private long[] strides = new long[1];
  private DType[] types = new DType[1];
  private long[] scales = new long[1]; // address of the first row's first scale, or 0
  private long[] scaleStrides = new long[1];
  private int[] starts = new int[2]; // first row number of each segment, then the total
  private int columns;

  /** Sets F32 rows, {@code stride} bytes apart. */
  void set(long address, int rows, int width, long stride) {
    clear(width);
    add(address, rows, stride, DType.F32);
  }

  /** Removes all rows; {@link #add(long, int, long, DType)} adds new ones. */
  void clear(int width) {
    segments = 0;
    columns = width;
  }

  /** Adds rows of a floating-point type, {@code stride} bytes apart. */
  void add(long address, int rows, long stride, DType type) {
    add(address, rows, stride, type, 0);
  }

  /** Sets all rows of a matrix. */
  void set(Tensor matrix) {
    segments = 0;
    columns = Math.toIntExact(matrix.columns());
    add(matrix, matrix.rows());
  }

  /** Sets the keys in use, (N, C). */
  void setKeys(ParameterTokens tokens) {
    List<ParameterTokens.Segment> parts = tokens.segments();
    segments = 0;
    columns = Math.toIntExact(tokens.inputChannels());
    for (int s = 0; s < parts.size(); s++) {
      add(parts.get(s).keys(), parts.get(s).rows());
    }
  }

  /** Sets the values in use, (N, C'). */
  void setValues(ParameterTokens tokens) {
    List<ParameterTokens.Segment> parts = tokens.segments();
    segments = 0;
    columns = Math.toIntExact(tokens.outputChannels());
    for (int s = 0; s < parts.size(); s++) {
      add(parts.get(s).values(), parts.get(s).rows());
    }
  }

  private void add(Tensor matrix, long rows) {
    Tensor factors = matrix.scales();
    add(
        HostBuffer.addressOf(matrix),
        Math.toIntExact(rows),
        matrix.dtype().rowBytes(columns),
        matrix.dtype(),
        factors == null ? 0 : HostBuffer.addressOf(factors));
  }

  private void add(long address, int rows, long stride, DType type, long firstScale) {
    if (segments == addresses.length) {
      addresses = Arrays.copyOf(addresses, 2 * segments);
      strides = Arrays.copyOf(strides, 2 * segments);
      types = Arrays.copyOf(types, 2 * segments);
      scales = Arrays.copyOf(scales, 2 * segments);
      scaleStrides = Arrays.copyOf(scaleStrides, 2 * segments);
      starts = Arrays.copyOf(starts, 2 * segments + 1);
    }
    addresses[segments] = address;
    strides[segments] = stride;
    types[segments] = type;
    scales[segments] = firstScale;
    scaleStrides[segments] = firstScale == 0 ? 0 : Quantized.groups(columns) * Float.BYTES;
    starts[segments + 1] = Math.addExact(starts[segments], rows);
    segments++;
  }

  /** Returns the number of rows of all segments. */
  int rows() {
    return starts[segments];
  }

  int columns() {
    return columns;
  }

  /** Returns the address of a row's first weight. */
  private long address(int segment, int row) {
    return addresses[segment] + (row - starts[segment]) * strides[segment];
  }

  private long scales(int segment, int row) {
    return scales[segment] + (row - starts[segment]) * scaleStrides[segment];
  }

  /** Returns the address of a row's first weight. */
  long address(int row) {
    return address(segmentOf(row), row);
  }

  /**
   * Prefetches some rows in the order of memory; see {@link Simd#prefetch}.
   *
   * @return a value that depends on everything read
   */
  int prefetch(int row, int count) {
    int all = 0;
    for (int s = 0; s < segments; s++) {
      int start = Math.max(row, starts[s]);
      int rows = Math.min(row + count, starts[s + 1]) - start;
      if (rows > 0) {
        all |= Simd.prefetch(address(s, start), rows * strides[s]);
      }
    }
    return all;
  }

  /** Returns whether some rows are all BF16 and in one segment. */
  boolean areBf16(int row, int count) {
    int segment = segmentOf(row);
    return types[segment] == DType.BF16 && row + count <= starts[segment + 1];
  }

  /** Returns the bytes from a row to the next of its segment. */
  long stride(int row) {
    return strides[segmentOf(row)];
  }

  private int segmentOf(int row) {
    int segment = 0;
    while (starts[segment + 1] <= row) {
      segment++;
    }
    return segment;
  }

  /**
   * Returns the address of some columns of some rows as floats: in place, {@link #stride} bytes
   * from row to row, or copied.
   *
   * @param column first column; for quantised weights the start of a group
   * @param scratch where copies go, {@code scratchStride} bytes from row to row
   * @return address of the first float; {@code scratch} if they were copied
   */
  long floats(int row, int count, int column, int width, long scratch, long scratchStride) {
    int segment = segmentOf(row);
    if (types[segment] == DType.F32 && row + count <= starts[segment + 1]) {
      return address(segment, row) + 4L * column;
    }
    return copied(row, count, column, width, scratch, scratchStride);
  }

  /** Does the same as {@link #floats}, but always copies. */
  long copied(int row, int count, int column, int width, long scratch, long scratchStride) {
    int segment = segmentOf(row);
    for (int i = row; i < row + count; segment++) {
      int n = Math.min(row + count, starts[segment + 1]) - i;
      if (n > 0) {
        widen(segment, i, n, column, width, scratch + (i - row) * scratchStride, scratchStride);
        i += n;
      }
    }
    return scratch;
  }

  private void widen(
      int segment, int row, int rows, int column, int count, long to, long toStride) {
    Widening.rows(
        types[segment],
        address(segment, row),
        strides[segment],
        scales(segment, row),
        scaleStrides[segment],
        rows,
        column,
        count,
        to,
        toStride);
  }

  /**
   * Packs rows as tiles, for products with the transpose: tile i holds (k, 6) weights of the rows
   * starting at {@code row} + 6i, with zeros after the last one.
   *
   * @param column first of the k columns to pack, a multiple of {@link Quantized#GROUP}
   * @param widened scratch of {@link #WIDENED_BYTES}
   */
  void packRows(int row, int count, int column, int k, long to, long widened) {
    for (int first = row; first < row + count; first += Tile.ROWS) {
      int n = Math.min(Tile.ROWS, row + count - first);
      long from = floats(first, n, column, k, widened, 4L * k);
      Packing.rows(from, from == widened ? 4L * k : stride(first), n, k, to);
      to += k * Tile.ROW_BYTES;
    }
  }

  /**
   * Packs rows as panels, for products with the transpose: panel i holds (k, PANEL) weights of the
   * rows starting at {@code row} + i·PANEL, with zeros after the last one.
   *
   * @param column first of the k columns to pack, a multiple of {@link Quantized#GROUP}
   * @param widened scratch of {@link #WIDENED_BYTES}
   */
  void packPanels(int row, int count, int column, int k, long to, long widened) {
    for (int first = row; first < row + count; first += PANEL) {
      int n = Math.min(PANEL, row + count - first);
      long from = floats(first, n, column, k, widened, 4L * k);
      long stride = from == widened ? 4L * k : stride(first);
      int prefetched = 0; // the prefetchers do not follow sixteen rows side by side
      for (int i = 0; i < n; i++) {
        prefetched |= Simd.prefetch(from + i * stride, 4L * k);
      }
      Simd.setInt(to, prefetched);
      Packing.panel(from, stride, n, k, 1, to);
      to += k * PANEL_BYTES;
    }
  }

  /**
   * Packs columns as tiles, for products with the matrix itself: tile i holds (k, 6) weights of the
   * columns starting at {@code column} + 6i, with zeros after the last one.
   *
   * @param count number of columns, at most {@link Gemm#ROW_BLOCK}
   * @param row first of the k rows to pack
   * @param widened scratch of {@link #WIDENED_BYTES}
   */
  void packColumns(int column, int count, int row, int k, long to, long widened) {
    for (int s = 0; s < segments; s++) {
      int start = Math.max(row, starts[s]);
      int end = Math.min(row + k, starts[s + 1]);
      if (types[s] == DType.F32) {
        long from = address(s, start) + 4L * column;
        if (start < end) {
          long target = to + (start - row) * Tile.ROW_BYTES;
          packColumns(from, strides[s], column, count, columns, end - start, target, k);
        }
        continue;
      }
      int aligned = Quantized.is(types[s]) ? column / GROUP * GROUP : column;
      long from = widened + 4L * (column - aligned);
      for (int i = start; i < end; i += WIDENED_ROWS) {
        int n = Math.min(WIDENED_ROWS, end - i);
        int width = column + count - aligned;
        widen(s, i, n, aligned, width, widened, 4L * WIDENED_COLUMNS);
        long target = to + (i - row) * Tile.ROW_BYTES;
        int readable = aligned + WIDENED_COLUMNS;
        packColumns(from, 4L * WIDENED_COLUMNS, column, count, readable, n, target, k);
      }
    }
  }

  /**
   * Packs some steps of all tiles.
   *
   * @param end column at which the rows of {@code from} end
   * @param k number of steps of a whole tile
   */
  private static void packColumns(
      long from, long stride, int column, int count, int end, int steps, long to, int k) {
    for (int i = 0; i < count; i += Tile.ROWS) {
      int n = Math.min(Tile.ROWS, count - i);
      Packing.columns(from + 4L * i, stride, n, end - column - i, steps, to);
      to += k * Tile.ROW_BYTES;
    }
  }

  /**
   * Multiplies one token by the rows {@code first} to {@code end} − 1; see {@link Gemv#dots}.
   *
   * @param scores where the first product goes
   */
  void dots(int first, int end, long x, long scores, long sums) {
    for (int s = 0; s < segments; s++) {
      int start = Math.max(first, starts[s]);
      int count = Math.min(end, starts[s + 1]) - start;
      if (count <= 0) {
        continue;
      }
      long from = address(s, start);
      long to = scores + 4L * (start - first);
      if (Quantized.is(types[s])) {
        QuantizedGemv.dots(
            types[s],
            from,
            strides[s],
            scales(s, start),
            scaleStrides[s],
            count,
            columns,
            x,
            to,
            sums);
      } else {
        Gemv.dots(from, strides[s], types[s] == DType.BF16, count, columns, x, to, sums);
      }
    }
  }

  /**
   * Adds the rows {@code first} to {@code end} − 1, each times its weight, to {@code sum}.
   *
   * @param weights address of the first weight
   * @param scratch memory of one int
   */
  void weightedSum(int first, int end, long weights, long sum, long scratch) {
    for (int s = 0; s < segments; s++) {
      int start = Math.max(first, starts[s]);
      int count = Math.min(end, starts[s + 1]) - start;
      if (count <= 0) {
        continue;
      }
      long from = address(s, start);
      long factors = weights + 4L * (start - first);
      if (Quantized.is(types[s])) {
        QuantizedGemv.weightedSum(
            types[s],
            from,
            strides[s],
            scales(s, start),
            scaleStrides[s],
            count,
            factors,
            columns,
            sum,
            scratch);
      } else {
        boolean bf16 = types[s] == DType.BF16;
        Gemv.weightedSum(from, strides[s], bf16, count, factors, columns, sum);
      }
    }
  }
}
