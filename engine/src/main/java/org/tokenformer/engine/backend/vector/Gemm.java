package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_VECTORS;

import jdk.incubator.vector.FloatVector;

/**
 * Multiplies blocks of weights by tokens: packs the weights piece by piece into a scratch buffer
 * that stays in the second-level cache, and runs {@link Tile} over all tokens while they are there.
 *
 * <p>Weights are the tiles and tokens the panels, so that the two products of a Pattention need no
 * packing in between. Only {@link #project} swaps the roles.
 */
final class Gemm {
  /**
   * Steps of k per block, a multiple of {@link Tile#SUM_BLOCK} and of the groups of quantised
   * weights. With two vectors per panel, a piece of a panel of this length stays in the first-level
   * cache.
   */
  static final int K_BLOCK = 256;

  /** Rows of weights per block, a whole number of tiles and of panels. */
  static final int ROW_BLOCK = PANEL_VECTORS * 8 * Tile.ROWS;

  private static final long RESULT_BYTES = Tile.ROWS * PANEL_BYTES;

  private static final long WIDENED = (long) ROW_BLOCK * K_BLOCK * Float.BYTES;
  private static final long RESULT = WIDENED + WeightRows.WIDENED_BYTES;

  /**
   * Bytes of scratch per thread: packed weights, weights of other types widened to floats, and the
   * result of one tile.
   */
  static final long PACKED_BYTES = RESULT + RESULT_BYTES;

  private Gemm() {}

  /**
   * Returns the rows of weights per piece of work, at most {@link #ROW_BLOCK}, such that each
   * thread gets the same number of pieces and none has to wait for the last one. No result depends
   * on it.
   *
   * @param wanted rows of all pieces together
   * @param unit a piece is a multiple of it; a divisor of ROW_BLOCK
   */
  static int piece(int wanted, int unit, int threads) {
    int pieces = Simd.roundUp((wanted + ROW_BLOCK - 1) / ROW_BLOCK, threads);
    return Simd.roundUp(Math.max(1, (wanted + pieces - 1) / Math.max(1, pieces)), unit);
  }

  /**
   * Computes scores: C[i, t] = Σₚ A[row + i, p]·B[p, t] for up to {@link #ROW_BLOCK} rows of A.
   *
   * @param m number of rows of A
   * @param b panels (columns of A, PANEL), {@code panelStride} bytes apart
   * @param tokens number of tokens in all panels
   * @param c panels (m, PANEL), {@code resultStride} bytes apart
   * @param packed scratch of {@link #PACKED_BYTES}
   */
  static void timesRows(
      WeightRows a,
      int row,
      int m,
      long b,
      long panelStride,
      int tokens,
      long c,
      long resultStride,
      long packed) {
    for (int p = 0; p < a.columns(); p += K_BLOCK) {
      int steps = Math.min(K_BLOCK, a.columns() - p);
      a.packRows(row, m, p, steps, packed, packed + WIDENED);
      tiles(packed, m, steps, b + p * PANEL_BYTES, panelStride, tokens, c, resultStride, p > 0);
    }
  }

  /**
   * Computes weighted sums: C[i, t] = Σₚ A[p, column + i]·B[p, t] for up to {@link #ROW_BLOCK}
   * columns of A, added to C if {@code accumulate}. For the other operands see {@link #timesRows}.
   */
  static void timesColumns(
      WeightRows a,
      int column,
      int m,
      long b,
      long panelStride,
      int tokens,
      long c,
      long resultStride,
      boolean accumulate,
      long packed) {
    for (int p = 0; p == 0 || p < a.rows(); p += K_BLOCK) { // without rows the sums are 0
      int steps = Math.min(K_BLOCK, a.rows() - p);
      a.packColumns(column, m, p, steps, packed, packed + WIDENED);
      boolean add = accumulate || p > 0;
      tiles(packed, m, steps, b + p * PANEL_BYTES, panelStride, tokens, c, resultStride, add);
    }
  }

  /**
   * Multiplies activations by the transpose of weights, with row-major results: C[t, j] = Σₚ A[t,
   * p]·W[row + j, p] for up to {@link #ROW_BLOCK} rows of W. Here activations are the tiles and
   * weights the panels, so that nothing has to be unpacked.
   *
   * @param a tokens packed by {@link Packing#tiles}
   * @param row first row of W
   * @param m number of rows of W
   * @param c row-major, starting at the first token's result for that row, {@code stride} bytes
   *     apart
   * @param packed scratch of {@link #PACKED_BYTES}
   */
  static void project(
      long a, int tokens, WeightRows w, int row, int m, long c, long stride, long packed) {
    for (int p = 0; p < w.columns(); p += K_BLOCK) {
      int k = Math.min(K_BLOCK, w.columns() - p);
      w.packPanels(row, m, p, k, packed, packed + WIDENED);
      for (int t = 0; t < tokens; t += ROW_BLOCK) {
        long tiles = a + Packing.tileOffset(p, k, t / Tile.ROWS, tokens);
        int n = Math.min(ROW_BLOCK, tokens - t);
        long panel = packed;
        for (int j = 0; j < m; j += PANEL) {
          int lanes = Math.min(PANEL, m - j);
          long to = c + t * stride + 4L * j;
          int vectors = Tile.vectors(lanes);
          tiles(tiles, n, panel, k, vectors, to, stride, lanes, p > 0, packed + RESULT);
          panel += k * PANEL_BYTES;
        }
      }
    }
  }

  /**
   * Adds sums over tokens: C[i, j] += Σₜ A[i, t]·B[t, j] for up to {@link #ROW_BLOCK} rows of A.
   * Blocks of {@link #K_BLOCK} tokens are summed separately: C may hold values much larger than the
   * contribution of one token, which would be rounded away. Blocks end at multiples of that number
   * of tokens in the sequence, so that skipping whole panels of zeros, whose size depends on the
   * vector width, changes no bit.
   *
   * @param a panels of tokens (rows, PANEL) starting at the first row, {@code panelStride} bytes
   *     apart
   * @param first index of the first token in its sequence, a multiple of PANEL and of {@link
   *     Tile#SUM_BLOCK}
   * @param tokens number of tokens in all panels
   * @param b panels of channels (tokens, PANEL), {@code channelStride} bytes apart
   * @param c row-major, {@code stride} bytes apart
   * @param packed scratch of {@link #PACKED_BYTES}
   */
  static void timesTokens(
      long a,
      long panelStride,
      int m,
      int first,
      int tokens,
      long b,
      long channelStride,
      int columns,
      long c,
      long stride,
      long packed) {
    long result = packed + RESULT;
    int steps;
    for (int t = 0; t < tokens; t += steps) {
      steps = Math.min(K_BLOCK - (first + t) % K_BLOCK, tokens - t);
      Packing.panelRows(a + t / PANEL * panelStride, panelStride, m, steps, packed);
      for (int j = 0; j < columns; j += PANEL) {
        int lanes = Math.min(PANEL, columns - j);
        long panel = b + j / PANEL * channelStride + t * PANEL_BYTES;
        addTiles(packed, m, steps, panel, lanes, c + 4L * j, stride, result);
      }
    }
  }

  /**
   * Adds one panel's part of a row-major result, six rows at a time, each summed separately first.
   */
  private static void addTiles(
      long packed, int m, int k, long b, int lanes, long c, long stride, long result) {
    for (int i = 0; i < m; i += Tile.ROWS) {
      int rows = Math.min(Tile.ROWS, m - i);
      long tile = packed + (long) i * k * Float.BYTES;
      Tile.multiply(tile, b, k, Tile.vectors(lanes), result, PANEL_BYTES, false);
      for (int r = 0; r < rows; r++) {
        long to = c + (i + r) * stride;
        RowKernels.add(result + r * PANEL_BYTES, to, lanes, to);
      }
    }
  }

  private static void copyRows(
      long from, long fromStride, long to, long toStride, int rows, int lanes) {
    for (int r = 0; r < rows; r++) {
      int lane = 0;
      for (; lane <= lanes - LANES; lane += LANES) {
        FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, from + 4L * lane, LE);
        v.intoMemorySegment(ALL, to + 4L * lane, LE);
      }
      for (; lane < lanes; lane++) {
        Simd.set(to + 4L * lane, Simd.get(from + 4L * lane));
      }
      from += fromStride;
      to += toStride;
    }
  }

  private static void tiles(
      long packed,
      int m,
      int k,
      long b,
      long panelStride,
      int tokens,
      long c,
      long resultStride,
      boolean accumulate) {
    for (int t = 0; t < tokens; t += PANEL) {
      int vectors = Tile.vectors(tokens - t);
      int lanes = vectors * LANES;
      tiles(packed, m, b, k, vectors, c, PANEL_BYTES, lanes, accumulate, packed + RESULT);
      b += panelStride;
      c += resultStride;
    }
  }

  /**
   * Multiplies tiles by one panel: C ← A·B, or C ← C + A·B.
   *
   * @param a tiles (k, 6), with zeros after row m in the last one
   * @param b panel, (k, PANEL)
   * @param vectors number of vectors per panel row to compute, from {@link Tile#vectors}
   * @param c row-major, (m, lanes), {@code stride} bytes apart
   * @param lanes number of lanes of those vectors that C has
   * @param result scratch of {@link #RESULT_BYTES}
   */
  private static void tiles(
      long a,
      int m,
      long b,
      int k,
      int vectors,
      long c,
      long stride,
      int lanes,
      boolean accumulate,
      long result) {
    for (int i = 0; i < m; i += Tile.ROWS) {
      int rows = Math.min(Tile.ROWS, m - i);
      if (lanes == vectors * LANES && rows == Tile.ROWS) {
        Tile.multiply(a, b, k, vectors, c, stride, accumulate);
      } else {
        // Memory after the last row or column of C must not be written.
        if (accumulate) {
          copyRows(c, stride, result, PANEL_BYTES, rows, lanes);
        }
        Tile.multiply(a, b, k, vectors, result, PANEL_BYTES, accumulate);
        copyRows(result, PANEL_BYTES, c, stride, rows, lanes);
      }
      a += k * Tile.ROW_BYTES;
      c += Tile.ROWS * stride;
    }
  }
}
