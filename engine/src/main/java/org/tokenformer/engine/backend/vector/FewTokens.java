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
 * A few tokens against many weights, as in a step of several conversations. Packing the weights
 * would cost about as much as multiplying by them, so they are read where they lie: a row of them
 * is a vector along its channels for a product with tokens, and for weighted sums likewise.
 *
 * <p>Weights come from memory a block of rows at a time, all of it and in its order, before the
 * first of them is used: kernels that read some rows, multiply and read the next lose the
 * processor's prefetchers at each pause, and took half as long again. A block then stays in the
 * second-level cache for all tokens; what is no float is widened there.
 */
final class FewTokens {
  /** Tokens at most; more are worth packing for. */
  static final int MAX_ROWS = 48;

  /** Rows in a block of {@link #dots}. */
  static final int DOT_ROWS = 48;

  /** Rows in a block of {@link #weightedSums}, whose sum is one chain. */
  private static final int SUM_ROWS = Tile.SUM_BLOCK;

  private FewTokens() {}

  /** Bytes of so many tokens for {@link #dots}. */
  static long groupBytes(int tokens, int channels) {
    return channels / LANES * VECTOR_BYTES * Simd.roundUp(tokens, DotTile.MAX_TOKENS);
  }

  /**
   * Tokens in groups for {@link #dots}, each vector by vector of their channels: (C / LANES, tokens
   * of the group, LANES).
   *
   * @param x row-major (tokens, C)
   * @param to {@link #groupBytes}
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

  /** Bytes of scratch that {@link #dots} needs. */
  static long dotsBytes(int channels) {
    return DotTile.SUMS_BYTES + DOT_ROWS * 4L * channels;
  }

  /**
   * Products of all tokens with the rows {@code first} to {@code end} − 1.
   *
   * @param x row-major (tokens, C), for the channels that fill no vector
   * @param groups the same as {@link #packGroups} has it
   * @param scores where a token's product with the row {@code first} goes, the next token's {@code
   *     stride} bytes behind
   * @param scratch {@link #dotsBytes}
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
   * Products of one group, which stays in the first-level cache while the rows go by.
   *
   * @param inGroup tokens in it, {@code count} of them real
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

  /** Tiles of tokens that weighted sums run over. */
  static int tiles(int tokens) {
    return (tokens + Tile.ROWS - 1) / Tile.ROWS;
  }

  /** Panels of columns that weighted sums run over. */
  static int panels(int columns) {
    return (columns + PANEL - 1) / PANEL;
  }

  /** Bytes of weighted sums: (panels, tiles, 6, PANEL). */
  static long sumBytes(int tokens, int columns) {
    return panels(columns) * sumOffset(tokens, 1, 0);
  }

  /** Where a token's sums of a panel of columns are among them. */
  static long sumOffset(int tokens, int panel, int token) {
    return ((long) panel * tiles(tokens) * Tile.ROWS + token) * PANEL_BYTES;
  }

  /** Bytes of scratch that {@link #weightedSums} needs. */
  static long weightedSumsBytes(int columns) {
    return SUM_ROWS * PANEL_BYTES * panels(columns);
  }

  /**
   * The rows {@code first} to {@code end} − 1, each times its θ, summed up for each token.
   *
   * @param thetas tiles (rows, 6) of θ, the next tile {@code tileStride} bytes behind, from the row
   *     {@code first} on
   * @param sums {@link #sumBytes}
   * @param scratch {@link #weightedSumsBytes}
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
        // A panel is read whole, so where the columns end in one, the rows are copied.
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
