package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_VECTORS;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.FloatVector;

/**
 * Multiplies a few tokens by many weights, as in a step of several conversations. Packing the
 * weights would cost about as much as multiplying by them, so they are used unpacked: a row of
 * weights is a vector along the channels, both for dot products with tokens and for weighted sums.
 *
 * <p>A block of rows is prefetched as a whole, in the order of memory, before its first row is
 * used. Kernels that read some rows, multiply and read the next lose the processor's prefetchers at
 * each pause, and took half as long again. The block then stays in the second-level cache for all
 * tokens; weights that are not F32 are widened there.
 */
final class FewTokens {
  /** Maximum number of tokens; for more, packing the weights pays off. */
  static final int MAX_ROWS = 48;

  /** Rows per block of {@link #dots}. */
  static final int DOT_ROWS = 48;

  /** Rows per block of {@link #weightedSums}; the sum over a block is one chain. */
  private static final int SUM_ROWS = Tile.SUM_BLOCK;

  private FewTokens() {}

  /** Returns the bytes of the groups of that many tokens. */
  static long groupBytes(int tokens, int channels) {
    return channels / LANES * VECTOR_BYTES * Simd.roundUp(tokens, DotTile.MAX_TOKENS);
  }

  /**
   * Packs tokens into groups for {@link #dots}; within a group, vector by vector of the channels:
   * (C / LANES, tokens of the group, LANES).
   *
   * @param x row-major (tokens, C)
   * @param to memory of {@link #groupBytes}
   */
  static void packGroups(long x, int tokens, int channels, long to) {
    int vectors = channels / LANES;
    int group;
    for (int first = 0; first < tokens; first += group) {
      group = DotTile.tokens(tokens - first);
      for (int i = 0; i < group; i++) {
        long from = x + 4L * channels * (first + i);
        long target = to + i * VECTOR_BYTES;
        for (int v = 0; v < vectors; v++) {
          if (first + i < tokens) {
            FloatVector.fromMemorySegment(FLOATS, ALL, from, LE).intoMemorySegment(ALL, target, LE);
          } else {
            Simd.clear(target, VECTOR_BYTES);
          }
          from += VECTOR_BYTES;
          target += group * VECTOR_BYTES;
        }
      }
      to += vectors * VECTOR_BYTES * group;
    }
  }

  /** Returns the bytes of scratch that {@link #dots} needs. */
  static long dotsBytes(int channels) {
    return DotTile.SUMS_BYTES + DOT_ROWS * 4L * channels;
  }

  /**
   * Multiplies all tokens by the rows {@code first} to {@code end} − 1.
   *
   * @param x row-major (tokens, C), used for the channels after the last whole vector
   * @param groups the same tokens, packed by {@link #packGroups}
   * @param scores where the first token's product with row {@code first} goes; tokens are {@code
   *     stride} bytes apart
   * @param scratch memory of {@link #dotsBytes}
   */
  static void dots(
      WeightRows weights,
      int first,
      int end,
      long x,
      long groups,
      int tokens,
      long scores,
      long stride,
      long scratch) {
    int channels = weights.columns();
    long sums = scratch;
    long widened = scratch + DotTile.SUMS_BYTES;
    for (int row = first; row < end; row += DOT_ROWS) {
      int rows = Math.min(DOT_ROWS, end - row);
      Simd.setInt(sums, weights.prefetch(row, rows));
      boolean bf16 = weights.areBf16(row, rows);
      long at =
          bf16
              ? weights.address(row)
              : weights.floats(row, rows, 0, channels, widened, 4L * channels);
      long step = at == widened ? 4L * channels : weights.stride(row);
      long group = groups;
      int inGroup;
      for (int token = 0; token < tokens; token += inGroup) {
        inGroup = DotTile.tokens(tokens - token);
        int count = Math.min(inGroup, tokens - token);
        long xs = x + 4L * channels * token;
        long to = scores + token * stride + 4L * (row - first);
        dots(at, step, bf16, rows, channels, group, inGroup, xs, count, to, stride, sums);
        group += channels / LANES * VECTOR_BYTES * inGroup;
      }
    }
  }

  /**
   * Multiplies one group, which stays in the first-level cache, by all rows of a block.
   *
   * @param inGroup tokens in the group, padding included
   * @param count tokens in the group without padding
   */
  private static void dots(
      long weights,
      long step,
      boolean bf16,
      int rows,
      int channels,
      long group,
      int inGroup,
      long x,
      int count,
      long scores,
      long stride,
      long sums) {
    int vectors = channels / LANES;
    for (int row = 0; row < rows; row += DotTile.ROWS) {
      int m = Math.min(DotTile.ROWS, rows - row);
      long w0 = weights + row * step;
      long w1 = m > 1 ? w0 + step : w0;
      long w2 = m > 2 ? w1 + step : w0;
      DotTile.multiply(bf16, w0, w1, w2, group, inGroup, vectors, sums);
      for (int i = 0; i < m; i++) {
        long products = sums + i * VECTOR_BYTES * inGroup;
        DotTile.addLanes(products, inGroup);
        long w = w0 + i * step;
        long to = scores + 4L * (row + i);
        for (int t = 0; t < count; t++) {
          float sum = Simd.get(products + 4L * t);
          for (int c = vectors * LANES; c < channels; c++) {
            float weight = bf16 ? Simd.getBf16(w + 2L * c) : Simd.get(w + 4L * c);
            sum = Math.fma(weight, Simd.get(x + 4L * (channels * t + c)), sum);
          }
          Simd.set(to + t * stride, sum);
        }
      }
    }
  }

  /** Returns the number of tiles of tokens in weighted sums. */
  static int tiles(int tokens) {
    return (tokens + Tile.ROWS - 1) / Tile.ROWS;
  }

  /** Returns the number of panels of columns in weighted sums. */
  static int panels(int columns) {
    return (columns + PANEL - 1) / PANEL;
  }

  /** Returns the bytes of weighted sums, (panels, tiles, 6, PANEL). */
  static long sumBytes(int tokens, int columns) {
    return panels(columns) * sumOffset(tokens, 1, 0);
  }

  /** Returns the byte offset of a token's sums for a panel of columns. */
  static long sumOffset(int tokens, int panel, int token) {
    return ((long) panel * tiles(tokens) * Tile.ROWS + token) * PANEL_BYTES;
  }

  /** Returns the bytes of scratch that {@link #weightedSums} needs. */
  static long weightedSumsBytes(int columns) {
    return SUM_ROWS * PANEL_BYTES * panels(columns);
  }

  /**
   * Computes for each token the sum of the rows {@code first} to {@code end} − 1, each times its θ.
   *
   * @param thetas tiles (rows, 6) of θ that start at row {@code first}, {@code tileStride} bytes
   *     apart
   * @param sums memory of {@link #sumBytes}
   * @param scratch memory of {@link #weightedSumsBytes}
   */
  static void weightedSums(
      WeightRows weights,
      int first,
      int end,
      int tokens,
      long thetas,
      long tileStride,
      long sums,
      long scratch) {
    int columns = weights.columns();
    int panels = panels(columns);
    for (int row = first; row == first || row < end; row += SUM_ROWS) {
      int steps = Math.max(0, Math.min(SUM_ROWS, end - row));
      long at = scratch;
      long step = panels * PANEL_BYTES;
      if (steps > 0) {
        Simd.setInt(scratch, weights.prefetch(row, steps));
        // A panel is read as a whole, so rows are copied if the last panel is not full.
        at =
            columns % PANEL == 0
                ? weights.floats(row, steps, 0, columns, scratch, step)
                : weights.copied(row, steps, 0, columns, scratch, step);
        step = at == scratch ? step : weights.stride(row);
      }
      for (int panel = 0; panel < panels; panel++) {
        long from = at + panel * PANEL_BYTES;
        for (int tile = 0; tile < tiles(tokens); tile++) {
          long theta = thetas + tile * tileStride + (row - first) * Tile.ROW_BYTES;
          long to = sums + sumOffset(tokens, panel, tile * Tile.ROWS);
          Tile.chain(theta, from, step, steps, PANEL_VECTORS, to, PANEL_BYTES, row > first);
        }
      }
    }
  }
}
