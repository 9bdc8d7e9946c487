package org.tokenformer.engine.backend.vector;

import java.util.Arrays;
import java.util.List;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A matrix of weights whose rows lie in one tensor or, as those of parameter tokens may, in several
 * segments, one after the other. To the kernels it is one matrix: positions of rows are counted
 * over all segments, so where it is cut changes no order of additions.
 *
 * <p>Filled anew by each operation, before its workers start, so that it allocates nothing.
 */
final class WeightRows {
  private int segments;
  private long[] addresses = new long[1];
  private long[] strides = new long[1];
  private boolean[] bf16 = new boolean[1];
  private int[] starts = new int[2]; // position of each segment's first row, and the number of rows
  private int columns;

  /** Rows in one place, {@code stride} bytes apart. */
  void set(long address, int rows, int width, long stride, boolean isBf16) {
    segments = 0;
    columns = width;
    add(address, rows, stride, isBf16);
  }

  /** All rows of a matrix. */
  void set(Tensor matrix) {
    segments = 0;
    columns = Math.toIntExact(matrix.columns());
    add(matrix, matrix.rows());
  }

  /** The keys in use, (N, C). */
  void setKeys(ParameterTokens tokens) {
    List<ParameterTokens.Segment> parts = tokens.segments();
    segments = 0;
    columns = Math.toIntExact(tokens.inputChannels());
    for (int s = 0; s < parts.size(); s++) {
      add(parts.get(s).keys(), parts.get(s).rows());
    }
  }

  /** The values in use, (N, C'). */
  void setValues(ParameterTokens tokens) {
    List<ParameterTokens.Segment> parts = tokens.segments();
    segments = 0;
    columns = Math.toIntExact(tokens.outputChannels());
    for (int s = 0; s < parts.size(); s++) {
      add(parts.get(s).values(), parts.get(s).rows());
    }
  }

  private void add(Tensor matrix, long rows) {
    long stride = (long) columns * matrix.dtype().bytes();
    boolean isBf16 = matrix.dtype() == DType.BF16;
    add(HostBuffer.addressOf(matrix), Math.toIntExact(rows), stride, isBf16);
  }

  private void add(long address, int rows, long stride, boolean isBf16) {
    if (segments == addresses.length) {
      addresses = Arrays.copyOf(addresses, 2 * segments);
      strides = Arrays.copyOf(strides, 2 * segments);
      bf16 = Arrays.copyOf(bf16, 2 * segments);
      starts = Arrays.copyOf(starts, 2 * segments + 1);
    }
    addresses[segments] = address;
    strides[segments] = stride;
    bf16[segments] = isBf16;
    starts[segments + 1] = Math.addExact(starts[segments], rows);
    segments++;
  }

  /** Rows of all segments together. */
  int rows() {
    return starts[segments];
  }

  int columns() {
    return columns;
  }

  private long address(int segment, int row, int column) {
    return addresses[segment]
        + (row - starts[segment]) * strides[segment]
        + (long) column * (bf16[segment] ? Short.BYTES : Float.BYTES);
  }

  /**
   * Packs rows as tiles, for products with the transpose: tile i holds (k, 6) weights of the rows
   * from {@code row} + 6i on, zeros beyond the last.
   *
   * @param column the first of the k that are packed
   */
  void packRows(int row, int count, int column, int k, long to) {
    int segment = 0;
    for (int first = row; first < row + count; first += Tile.ROWS) {
      int n = Math.min(Tile.ROWS, row + count - first);
      while (starts[segment + 1] <= first) {
        segment++;
      }
      if (first + n <= starts[segment + 1]) {
        long from = address(segment, first, column);
        Packing.rows(from, strides[segment], bf16[segment], n, k, to);
      } else {
        packCutTile(segment, first, n, column, k, to);
      }
      to += k * Tile.ROW_BYTES;
    }
  }

  /** A tile whose rows lie in several segments. */
  private void packCutTile(int segment, int first, int n, int column, int k, long to) {
    Simd.clear(to, k * Tile.ROW_BYTES);
    for (int i = 0; i < n; i++) {
      while (starts[segment + 1] <= first + i) {
        segment++;
      }
      Packing.row(address(segment, first + i, column), bf16[segment], k, to + 4L * i);
    }
  }

  /**
   * Packs columns as tiles, for products with the matrix itself: tile i holds (k, 6) weights of the
   * columns from {@code column} + 6i on, zeros beyond the last.
   *
   * @param row the first of the k that are packed
   */
  void packColumns(int column, int count, int row, int k, long to) {
    for (int first = column; first < column + count; first += Tile.ROWS) {
      int n = Math.min(Tile.ROWS, column + count - first);
      for (int s = 0; s < segments; s++) {
        int start = Math.max(row, starts[s]);
        int steps = Math.min(row + k, starts[s + 1]) - start;
        if (steps > 0) {
          long from = address(s, start, first);
          long target = to + (start - row) * Tile.ROW_BYTES;
          Packing.columns(from, strides[s], bf16[s], n, columns - first, steps, target);
        }
      }
      to += k * Tile.ROW_BYTES;
    }
  }

  /**
   * Products of one token with the rows {@code first} to {@code end} − 1; see {@link Stream#dots}.
   *
   * @param scores where the first of them goes
   */
  void dots(int first, int end, long x, long scores, long sums) {
    for (int s = 0; s < segments; s++) {
      int start = Math.max(first, starts[s]);
      int count = Math.min(end, starts[s + 1]) - start;
      if (count > 0) {
        long from = address(s, start, 0);
        long to = scores + 4L * (start - first);
        Stream.dots(from, strides[s], bf16[s], count, columns, x, to, sums);
      }
    }
  }

  /**
   * Adds the rows {@code first} to {@code end} − 1, each times its weight, to one row.
   *
   * @param weights address of the first of them
   */
  void weightedSum(int first, int end, long weights, long sum) {
    for (int s = 0; s < segments; s++) {
      int start = Math.max(first, starts[s]);
      int count = Math.min(end, starts[s + 1]) - start;
      if (count > 0) {
        long from = address(s, start, 0);
        long factors = weights + 4L * (start - first);
        Stream.weightedSum(from, strides[s], bf16[s], count, factors, columns, sum);
      }
    }
  }
}
