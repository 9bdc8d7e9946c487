package org.tokenformer.engine.backend.vector;

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

  /** Bytes of scratch that one thread needs for packed weights. */
  static final long PACKED_BYTES = (long) ROW_BLOCK * K_BLOCK * Float.BYTES + Packing.SLACK;

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
        Tile.multiply(tile, b, k, rows, c + i * PANEL_BYTES, lanes, accumulate);
      }
      b += panelStride;
      c += resultStride;
    }
  }
}
