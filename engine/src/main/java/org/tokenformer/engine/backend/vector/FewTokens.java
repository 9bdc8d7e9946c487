package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.INTS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_VECTORS;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import org.tokenformer.engine.tensor.Quantized;

/**
 * A few tokens against many weights, as in a step of several conversations. Packing the weights
 * would cost about as much as multiplying by them, so they are read where they lie: a row of them
 * is a vector along its channels for a product with tokens, and for weighted sums likewise. Only
 * what is no float is widened, a few rows at a time into the first-level cache, once for all
 * tokens.
 */
final class FewTokens {
  /** Tokens at most; more are worth packing for. */
  static final int MOST = 16;

  /** Tokens in a tile of {@link #dots}; those that are missing are zeros. */
  private static final int GROUP = 4;

  /**
   * Rows in a tile of {@link #dots}: twelve chains, as in {@link Tile}. So many are widened at a
   * time, as more of them and the weights that stream by would drive each other out of the
   * first-level cache: six rows of 768 halve the speed at which bf16 comes from memory.
   */
  private static final int ROWS = 3;

  /** Rows of weights whose sum is one chain, and that are widened at a time for it. */
  private static final int SUM_ROWS = Tile.SUM_BLOCK;

  /**
   * Columns that {@link #weightedSums} widens at a time: a group of quantised weights, and whole
   * panels.
   */
  static final int COLUMNS = Quantized.GROUP;

  private static final long COLUMN_BYTES = COLUMNS * (long) Float.BYTES;
  private static final long SUMS_BYTES = GROUP * ROWS * VECTOR_BYTES;

  /** What {@link #fold} leaves of a vector. */
  private static final long QUARTER_BYTES = 4 * Float.BYTES;

  private static final IntVector LOW_HALVES = runs(LANES / 2, 0);
  private static final IntVector HIGH_HALVES = runs(LANES / 2, LANES / 2);
  private static final IntVector EVEN_QUARTERS = runs(LANES / 4, 0);
  private static final IntVector ODD_QUARTERS = runs(LANES / 4, LANES / 4);

  private FewTokens() {}

  /** Bytes of so many tokens for {@link #dots}. */
  static long groupBytes(int tokens, int channels) {
    return groups(tokens) * groupStride(channels);
  }

  static int groups(int tokens) {
    return (tokens + GROUP - 1) / GROUP;
  }

  private static long groupStride(int channels) {
    return (long) (channels / LANES) * GROUP * VECTOR_BYTES;
  }

  /**
   * One group of tokens, vector by vector of their channels: (C / LANES, 4, LANES).
   *
   * @param x row-major (tokens, C)
   * @param to where all groups go
   */
  static void packGroup(long x, int tokens, int channels, int group, long to) {
    to += group * groupStride(channels);
    for (int i = 0; i < GROUP; i++) {
      long row = x + 4L * channels * (group * GROUP + i);
      for (int c = 0; c <= channels - LANES; c += LANES) {
        long target = to + (c / LANES * GROUP + i) * VECTOR_BYTES;
        if (group * GROUP + i < tokens) {
          FloatVector.fromMemorySegment(FLOATS, ALL, row + 4L * c, LE)
              .intoMemorySegment(ALL, target, LE);
        } else {
          Simd.clear(target, VECTOR_BYTES);
        }
      }
    }
  }

  /** Bytes of scratch that {@link #dots} needs. */
  static long dotsBytes(int channels) {
    return ROWS * 4L * channels + SUMS_BYTES;
  }

  /**
   * Products of all tokens with the rows {@code first} to {@code end} − 1.
   *
   * @param x row-major (tokens, C), for the channels that fill no vector
   * @param groups the same as {@link #packGroup} has it
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
    long sums = scratch + ROWS * 4L * channels;
    for (int row = first; row < end; row += ROWS) {
      int m = Math.min(ROWS, end - row);
      long at = weights.floats(row, m, 0, channels, scratch, 4L * channels);
      long step = at == scratch ? 4L * channels : weights.stride(row);
      long w1 = m > 1 ? at + step : at;
      long w2 = m > 2 ? w1 + step : at;
      for (int group = 0; group * GROUP < tokens; group++) {
        int count = Math.min(GROUP, tokens - group * GROUP);
        long xs = x + 4L * channels * group * GROUP;
        long xg = groups + group * groupStride(channels);
        dots3x4(at, w1, w2, VECTOR_BYTES, xg, GROUP * VECTOR_BYTES, channels / LANES, sums);
        for (int i = 0; i < m; i++) {
          long quarters = sums + (long) i * GROUP * VECTOR_BYTES;
          fold(quarters);
          for (int t = 0; t < count; t++) {
            long of = quarters + t * QUARTER_BYTES;
            float sum = Simd.get(of) + Simd.get(of + 4) + (Simd.get(of + 8) + Simd.get(of + 12));
            for (int c = channels / LANES * LANES; c < channels; c++) {
              float factor = Simd.get(xs + 4L * (channels * t + c));
              sum = Math.fma(Simd.get(at + i * step + 4L * c), factor, sum);
            }
            Simd.set(scores + (group * GROUP + t) * stride + 4L * (row - first + i), sum);
          }
        }
      }
    }
  }

  /**
   * Adds the lanes of four stored vectors until four are left of each, side by side. No other width
   * of vector does it: as soon as there is a second class of float vectors in a process, C2 must
   * guess at the class of every vector that goes round a loop.
   */
  private static void fold(long vectors) {
    if (LANES == 16) {
      IntVector a = IntVector.fromMemorySegment(INTS, ALL, vectors, LE);
      IntVector b = IntVector.fromMemorySegment(INTS, ALL, vectors + VECTOR_BYTES, LE);
      IntVector c = IntVector.fromMemorySegment(INTS, ALL, vectors + 2 * VECTOR_BYTES, LE);
      IntVector d = IntVector.fromMemorySegment(INTS, ALL, vectors + 3 * VECTOR_BYTES, LE);
      FloatVector high = HIGH_HALVES.selectFrom(a, b).reinterpretAsFloats();
      a = LOW_HALVES.selectFrom(a, b).reinterpretAsFloats().add(high).reinterpretAsInts();
      high = HIGH_HALVES.selectFrom(c, d).reinterpretAsFloats();
      c = LOW_HALVES.selectFrom(c, d).reinterpretAsFloats().add(high).reinterpretAsInts();
      high = ODD_QUARTERS.selectFrom(a, c).reinterpretAsFloats();
      EVEN_QUARTERS
          .selectFrom(a, c)
          .reinterpretAsFloats()
          .add(high)
          .intoMemorySegment(ALL, vectors, LE);
    } else if (LANES == 8) {
      for (long pair = vectors; pair < vectors + GROUP * VECTOR_BYTES; pair += 2 * VECTOR_BYTES) {
        IntVector a = IntVector.fromMemorySegment(INTS, ALL, pair, LE);
        IntVector b = IntVector.fromMemorySegment(INTS, ALL, pair + VECTOR_BYTES, LE);
        FloatVector high = HIGH_HALVES.selectFrom(a, b).reinterpretAsFloats();
        LOW_HALVES
            .selectFrom(a, b)
            .reinterpretAsFloats()
            .add(high)
            .intoMemorySegment(ALL, vectors + (pair - vectors) / 2, LE);
      }
    }
  }

  /**
   * Of two vectors, the runs of so many lanes that begin at a multiple of twice that, or behind.
   */
  private static IntVector runs(int run, int first) {
    int[] indices = new int[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      indices[lane] = lane / run * 2 * run + first + lane % run;
    }
    return IntVector.fromArray(INTS, indices, 0);
  }

  /** Three rows times four tokens, over {@code k} vectors of channels. */
  private static void dots3x4(
      long w0, long w1, long w2, long step, long x, long xStep, int k, long sums) {
    FloatVector c00 = FloatVector.zero(FLOATS);
    FloatVector c01 = c00;
    FloatVector c02 = c00;
    FloatVector c03 = c00;
    FloatVector c10 = c00;
    FloatVector c11 = c00;
    FloatVector c12 = c00;
    FloatVector c13 = c00;
    FloatVector c20 = c00;
    FloatVector c21 = c00;
    FloatVector c22 = c00;
    FloatVector c23 = c00;
    for (int p = 0; p < k; p++) {
      FloatVector a0 = FloatVector.fromMemorySegment(FLOATS, ALL, w0, LE);
      FloatVector a1 = FloatVector.fromMemorySegment(FLOATS, ALL, w1, LE);
      FloatVector a2 = FloatVector.fromMemorySegment(FLOATS, ALL, w2, LE);
      FloatVector b = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE);
      c00 = a0.fma(b, c00);
      c10 = a1.fma(b, c10);
      c20 = a2.fma(b, c20);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + VECTOR_BYTES, LE);
      c01 = a0.fma(b, c01);
      c11 = a1.fma(b, c11);
      c21 = a2.fma(b, c21);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 2 * VECTOR_BYTES, LE);
      c02 = a0.fma(b, c02);
      c12 = a1.fma(b, c12);
      c22 = a2.fma(b, c22);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 3 * VECTOR_BYTES, LE);
      c03 = a0.fma(b, c03);
      c13 = a1.fma(b, c13);
      c23 = a2.fma(b, c23);
      w0 += step;
      w1 += step;
      w2 += step;
      x += xStep;
    }
    c00.intoMemorySegment(ALL, sums, LE);
    c01.intoMemorySegment(ALL, sums + VECTOR_BYTES, LE);
    c02.intoMemorySegment(ALL, sums + 2 * VECTOR_BYTES, LE);
    c03.intoMemorySegment(ALL, sums + 3 * VECTOR_BYTES, LE);
    c10.intoMemorySegment(ALL, sums + 4 * VECTOR_BYTES, LE);
    c11.intoMemorySegment(ALL, sums + 5 * VECTOR_BYTES, LE);
    c12.intoMemorySegment(ALL, sums + 6 * VECTOR_BYTES, LE);
    c13.intoMemorySegment(ALL, sums + 7 * VECTOR_BYTES, LE);
    c20.intoMemorySegment(ALL, sums + 8 * VECTOR_BYTES, LE);
    c21.intoMemorySegment(ALL, sums + 9 * VECTOR_BYTES, LE);
    c22.intoMemorySegment(ALL, sums + 10 * VECTOR_BYTES, LE);
    c23.intoMemorySegment(ALL, sums + 11 * VECTOR_BYTES, LE);
  }

  /** Tiles of tokens that weighted sums run over. */
  static int tiles(int tokens) {
    return (tokens + Tile.ROWS - 1) / Tile.ROWS;
  }

  /** Bytes of the weighted sums of {@link #COLUMNS} columns: (panels, tiles, 6, PANEL). */
  static long sumBytes(int tokens) {
    return (long) (COLUMNS / PANEL) * tiles(tokens) * Tile.ROWS * PANEL_BYTES;
  }

  /** Where a token's sums of a panel of columns are among them. */
  static long sumOffset(int tokens, int panel, int token) {
    return ((long) panel * tiles(tokens) * Tile.ROWS + token) * PANEL_BYTES;
  }

  /** Bytes of scratch that {@link #weightedSums} needs. */
  static final long SUMS_SCRATCH_BYTES = SUM_ROWS * COLUMN_BYTES;

  /**
   * The rows {@code first} to {@code end} − 1, each times its θ, summed up for each token.
   *
   * @param thetas tiles (rows, 6) of θ, the next tile {@code tileStride} bytes behind, from the row
   *     {@code first} on
   * @param sums of each block of {@link #COLUMNS} columns {@link #sumBytes}
   * @param scratch {@link #SUMS_SCRATCH_BYTES}
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
    for (int row = first; row == first || row < end; row += SUM_ROWS) {
      int steps = Math.max(0, Math.min(SUM_ROWS, end - row));
      for (int column = 0; column < weights.columns(); column += COLUMNS) {
        int columns = Math.min(COLUMNS, weights.columns() - column);
        long to = sums + (column / COLUMNS) * sumBytes(tokens);
        long at = scratch;
        if (steps > 0) {
          // A panel is read whole, so where the columns end in one, the rows are copied.
          at =
              columns % PANEL == 0
                  ? weights.floats(row, steps, column, columns, scratch, COLUMN_BYTES)
                  : weights.copied(row, steps, column, columns, scratch, COLUMN_BYTES);
        }
        long step = at == scratch ? COLUMN_BYTES : weights.stride(row);
        for (int c = 0; c < columns; c += PANEL) {
          for (int tile = 0; tile < tiles(tokens); tile++) {
            long theta = thetas + tile * tileStride + (row - first) * Tile.ROW_BYTES;
            long target = to + sumOffset(tokens, c / PANEL, tile * Tile.ROWS);
            long from = at + 4L * c;
            Tile.chain(theta, from, step, steps, PANEL_VECTORS, target, PANEL_BYTES, row > first);
          }
        }
      }
    }
  }
}
