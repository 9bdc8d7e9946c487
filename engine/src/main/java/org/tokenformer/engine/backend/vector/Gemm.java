package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;

/**
 * A block of weights times panels of tokens: packs the weights piece by piece into a scratch buffer
 * that stays in the second-level cache, and runs {@link Tile} over all panels while they are there.
 */
final class Gemm {
  /** Steps of k at a time: a piece of a panel of this length stays in the first-level cache. */
  static final int K_BLOCK = 256;

  /** Rows of weights in a block. */
  static final int ROW_BLOCK = 16 * Tile.ROWS;

  private static final long SPILL_BYTES = Tile.ROWS * PANEL_BYTES;

  /** Bytes of scratch that one thread needs for packed weights, and for a tile at an edge. */
  static final long PACKED_BYTES =
      (long) ROW_BLOCK * K_BLOCK * Float.BYTES + Packing.SLACK + SPILL_BYTES;

  private Gemm() {}

  /**
   * Scores: C[i, t] = Σₚ A[i, p]·B[p, t] for up to {@link #ROW_BLOCK} rows of A.
   *
   * @param a rows of weights, row-major, {@code stride} bytes apart
   * @param b panels (k, PANEL), {@code panelStride} bytes apart
   * @param tokens in all panels together
   * @param c panels (m, PANEL), {@code resultStride} bytes apart
   * @param packed scratch of {@link #PACKED_BYTES}
   */
  static void timesRows(
      long a,
      long stride,
      boolean bf16,
      int m,
      int k,
      long b,
      long panelStride,
      int tokens,
      long c,
      long resultStride,
      long packed) {
    int elementBytes = bf16 ? Short.BYTES : Float.BYTES;
    for (int p = 0; p < k; p += K_BLOCK) {
      int steps = Math.min(K_BLOCK, k - p);
      Packing.rows(a + (long) p * elementBytes, stride, bf16, m, steps, packed);
      tiles(packed, m, steps, b + p * PANEL_BYTES, panelStride, tokens, c, resultStride, p > 0);
    }
  }

  /** Weighted sums: C[i, t] += Σₚ A[p, i]·B[p, t] for up to {@link #ROW_BLOCK} columns of A. */
  static void timesColumns(
      long a,
      long stride,
      boolean bf16,
      int m,
      int k,
      long b,
      long panelStride,
      int tokens,
      long c,
      long resultStride,
      long packed) {
    for (int p = 0; p < k; p += K_BLOCK) {
      int steps = Math.min(K_BLOCK, k - p);
      Packing.columns(a + p * stride, stride, bf16, m, steps, packed);
      tiles(packed, m, steps, b + p * PANEL_BYTES, panelStride, tokens, c, resultStride, true);
    }
  }

  /**
   * Sums over tokens: C[i, j] += Σₜ A[i, t]·B[t, j] for up to {@link #ROW_BLOCK} rows of A, each a
   * chain in the order of the tokens that goes on from what C holds.
   *
   * @param a panels of tokens (rows, PANEL), {@code panelStride} bytes apart, from the first row
   * @param tokens in all panels together
   * @param b panels of channels (tokens, PANEL), {@code channelStride} bytes apart
   * @param c row-major, {@code stride} bytes apart
   * @param packed scratch of {@link #PACKED_BYTES}
   */
  static void timesTokens(
      long a,
      long panelStride,
      int m,
      int tokens,
      long b,
      long channelStride,
      int columns,
      long c,
      long stride,
      long packed) {
    for (int t = 0; t < tokens; t += K_BLOCK) {
      int steps = Math.min(K_BLOCK, tokens - t);
      Packing.panelRows(a + t / PANEL * panelStride, panelStride, m, steps, packed);
      for (int j = 0; j < columns; j += PANEL) {
        int lanes = Math.min(PANEL, columns - j);
        long panel = b + j / PANEL * channelStride + t * PANEL_BYTES;
        long to = c + 4L * j;
        if (lanes == PANEL || lanes == LANES || lanes == 2 * LANES) {
          rowTiles(packed, m, steps, panel, lanes, to, stride);
        } else {
          long spill = packed + PACKED_BYTES - SPILL_BYTES;
          edgeTiles(packed, m, steps, panel, lanes, to, stride, spill);
        }
      }
    }
  }

  private static void rowTiles(long packed, int m, int k, long b, int lanes, long c, long stride) {
    for (int i = 0; i < m; i += Tile.ROWS) {
      long tile = packed + (long) i * k * Float.BYTES;
      Tile.multiply(tile, b, k, Math.min(Tile.ROWS, m - i), c + i * stride, stride, lanes, true);
    }
  }

  /** The last columns, where whole vectors would write beyond the row. */
  private static void edgeTiles(
      long packed, int m, int k, long b, int lanes, long c, long stride, long spill) {
    for (int i = 0; i < m; i += Tile.ROWS) {
      int rows = Math.min(Tile.ROWS, m - i);
      long row = c + i * stride;
      for (int r = 0; r < rows; r++) {
        Simd.copy(row + r * stride, spill + r * PANEL_BYTES, 4L * lanes);
      }
      long tile = packed + (long) i * k * Float.BYTES;
      Tile.multiply(tile, b, k, rows, spill, PANEL_BYTES, lanes, true);
      for (int r = 0; r < rows; r++) {
        Simd.copy(spill + r * PANEL_BYTES, row + r * stride, 4L * lanes);
      }
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
      int lanes = Math.min(PANEL, tokens - t);
      for (int i = 0; i < m; i += Tile.ROWS) {
        long tile = packed + (long) i * k * Float.BYTES;
        int rows = Math.min(Tile.ROWS, m - i);
        Tile.multiply(tile, b, k, rows, c + i * PANEL_BYTES, PANEL_BYTES, lanes, accumulate);
      }
      b += panelStride;
      c += resultStride;
    }
  }
}
