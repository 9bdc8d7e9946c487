package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;

/**
 * Moves matrices into the layouts that {@link Tile} reads and out of the one it writes. Weights may
 * be BF16; they are widened on the way, so that the micro-kernel knows one type.
 */
final class Packing {
  private static final int TILE_BYTES = Tile.ROWS * Float.BYTES;

  private Packing() {}

  /**
   * Rows of a row-major matrix as tiles, for products with its transpose: tile i holds (k, 6)
   * weights of rows 6i to 6i + 5, zeros where the matrix ends.
   *
   * @param from address of the first element of the block
   * @param stride bytes from one row to the next
   */
  static void rows(long from, long stride, boolean bf16, int rows, int k, long to) {
    for (int row = 0; row < rows; row += Tile.ROWS) {
      int m = Math.min(Tile.ROWS, rows - row);
      if (m < Tile.ROWS) {
        clear(to, k);
      }
      for (int i = 0; i < m; i++) {
        long source = from + (row + i) * stride;
        long target = to + 4L * i;
        if (bf16) {
          for (int p = 0; p < k; p++) {
            Simd.set(target + (long) p * TILE_BYTES, Simd.getBf16(source + 2L * p));
          }
        } else {
          for (int p = 0; p < k; p++) {
            Simd.set(target + (long) p * TILE_BYTES, Simd.get(source + 4L * p));
          }
        }
      }
      to += (long) k * TILE_BYTES;
    }
  }

  /**
   * Columns of a row-major matrix as tiles, for products with the matrix itself: tile i holds (k,
   * 6) weights of columns 6i to 6i + 5 of k consecutive rows, zeros where the matrix ends.
   */
  static void columns(long from, long stride, boolean bf16, int columns, int k, long to) {
    int elementBytes = bf16 ? Short.BYTES : Float.BYTES;
    for (int column = 0; column < columns; column += Tile.ROWS) {
      int m = Math.min(Tile.ROWS, columns - column);
      if (m < Tile.ROWS) {
        clear(to, k);
      }
      for (int p = 0; p < k; p++) {
        long source = from + p * stride + (long) column * elementBytes;
        long target = to + (long) p * TILE_BYTES;
        for (int i = 0; i < m; i++) {
          Simd.set(
              target + 4L * i, bf16 ? Simd.getBf16(source + 2L * i) : Simd.get(source + 4L * i));
        }
      }
      to += (long) k * TILE_BYTES;
    }
  }

  private static void clear(long tile, int k) {
    for (int i = 0; i < k * Tile.ROWS; i++) {
      Simd.set(tile + 4L * i, 0);
    }
  }

  /**
   * Rows of activations as a panel: (columns, PANEL), token t on lane t, zeros on the lanes beyond
   * the last token.
   */
  static void panel(long from, long stride, int tokens, int columns, float scale, long to) {
    for (int t = 0; t < tokens; t++) {
      long source = from + t * stride;
      long target = to + 4L * t;
      for (int c = 0; c < columns; c++) {
        Simd.set(target + c * PANEL_BYTES, scale * Simd.get(source + 4L * c));
      }
    }
    for (int t = tokens; t < PANEL; t++) {
      long target = to + 4L * t;
      for (int c = 0; c < columns; c++) {
        Simd.set(target + c * PANEL_BYTES, 0);
      }
    }
  }

  /** All panels of a tile of rows; the workers share them out. */
  static void panels(Workers workers, long from, int columns, int tokens, long to) {
    for (int i = workers.next(); i * PANEL < tokens; i = workers.next()) {
      int lanes = Math.min(PANEL, tokens - i * PANEL);
      long rows = from + 4L * i * PANEL * columns;
      panel(rows, 4L * columns, lanes, columns, 1, to + (long) i * columns * PANEL_BYTES);
    }
  }

  /** Panels back to rows of activations. */
  static void unpackAll(
      long from, long panelStride, int tokens, int columns, long to, long stride) {
    for (int i = 0; i * PANEL < tokens; i++) {
      int lanes = Math.min(PANEL, tokens - i * PANEL);
      unpack(from + i * panelStride, lanes, columns, to + (long) i * PANEL * stride, stride);
    }
  }

  /** A panel back to rows of activations. */
  static void unpack(long from, int tokens, int columns, long to, long stride) {
    for (int t = 0; t < tokens; t++) {
      long source = from + 4L * t;
      long target = to + t * stride;
      for (int c = 0; c < columns; c++) {
        Simd.set(target + 4L * c, Simd.get(source + c * PANEL_BYTES));
      }
    }
  }
}
