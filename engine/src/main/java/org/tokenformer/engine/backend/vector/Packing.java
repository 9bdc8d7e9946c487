package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.FloatVector;

/**
 * Copies matrices of floats into the layouts that {@link Tile} reads, and from the one it writes.
 */
final class Packing {
  /** Columns that {@link #wholeVectors} reads for the six columns of a tile. */
  private static final int COPIED = Simd.roundUp(Tile.ROWS, LANES);

  /** Steps that {@link #wholeVectors} overwrites after the last one it copies. */
  private static final int OVERWRITTEN = Math.ceilDiv(COPIED - Tile.ROWS, Tile.ROWS);

  private Packing() {}

  /**
   * Packs up to six rows of a row-major matrix as a tile, (k, 6), with zeros for missing rows.
   *
   * @param from address of the first element
   * @param stride bytes from one row to the next
   */
  static void rows(long from, long stride, int rows, int k, long to) {
    int done = 0;
    if (rows == Tile.ROWS) {
      int vectors = k / LANES;
      Interleave.sixRows(from, stride, vectors, VECTOR_BYTES, to, Tile.ROWS * VECTOR_BYTES);
      done = vectors * LANES;
    }
    long rest = to + done * Tile.ROW_BYTES;
    if (rows < Tile.ROWS) {
      Simd.clear(rest, (k - done) * Tile.ROW_BYTES);
    }
    for (int i = 0; i < rows; i++) {
      row(from + i * stride + 4L * done, k - done, rest + 4L * i);
    }
  }

  /**
   * Packs rows of panels as tiles, for sums over tokens: tile i holds (tokens, 6) numbers of the
   * panels' rows 6i to 6i + 5.
   *
   * @param from address of the first row in the first panel
   * @param panelStride bytes from one panel to the next
   */
  static void panelRows(long from, long panelStride, int rows, int tokens, long to) {
    for (int row = 0; row < rows; row += Tile.ROWS) {
      int m = Math.min(Tile.ROWS, rows - row);
      long panel = from + row * PANEL_BYTES;
      for (int t = 0; t < tokens; t += PANEL) {
        int lanes = Math.min(PANEL, tokens - t);
        rows(panel, PANEL_BYTES, m, lanes, to + t * Tile.ROW_BYTES);
        panel += panelStride;
      }
      to += tokens * Tile.ROW_BYTES;
    }
  }

  /** Packs one row of a tile; {@code to} is the address of its first element in the tile. */
  static void row(long from, int k, long to) {
    for (int p = 0; p < k; p++) {
      Simd.set(to + p * Tile.ROW_BYTES, Simd.get(from + 4L * p));
    }
  }

  /**
   * Packs up to six columns of k rows of a row-major matrix as a tile, (k, 6), with zeros for
   * missing columns.
   *
   * @param readable number of columns that may be read from here on, at least {@code columns}
   */
  static void columns(long from, long stride, int columns, int readable, int k, long to) {
    boolean vectors = columns == Tile.ROWS && readable >= COPIED;
    int whole = vectors ? Math.max(0, k - OVERWRITTEN) : 0;
    wholeVectors(from, stride, whole, to, Tile.ROW_BYTES);
    someColumns(from + whole * stride, stride, columns, k - whole, to + whole * Tile.ROW_BYTES);
  }

  /** Copies whole vectors; the columns copied beyond the tile are overwritten by the next rows. */
  private static void wholeVectors(long from, long stride, int k, long to, long toStep) {
    for (int p = 0; p < k; p++) {
      FloatVector.fromMemorySegment(FLOATS, ALL, from, LE).intoMemorySegment(ALL, to, LE);
      if (LANES < Tile.ROWS) {
        FloatVector.fromMemorySegment(FLOATS, ALL, from + VECTOR_BYTES, LE)
            .intoMemorySegment(ALL, to + VECTOR_BYTES, LE);
      }
      from += stride;
      to += toStep;
    }
  }

  private static void someColumns(long from, long stride, int m, int k, long to) {
    if (m < Tile.ROWS) {
      Simd.clear(to, k * Tile.ROW_BYTES);
    }
    for (int p = 0; p < k; p++) {
      long source = from + p * stride;
      long target = to + p * Tile.ROW_BYTES;
      for (int i = 0; i < m; i++) {
        Simd.set(target + 4L * i, Simd.get(source + 4L * i));
      }
    }
  }

  /**
   * Packs rows of activations as a panel, (columns, PANEL): token t on lane t, zeros on the lanes
   * after the last token.
   */
  static void panel(long from, long stride, int tokens, int columns, float scale, long to) {
    for (int c = 0; c < columns; c += LANES) {
      int n = Math.min(LANES, columns - c);
      for (int t = 0; t < PANEL; t += LANES) {
        long source = from + t * stride + 4L * c;
        long target = to + c * PANEL_BYTES + 4L * t;
        int m = Math.clamp(tokens - t, 0, LANES);
        if (n == LANES && m == LANES) {
          Transpose.block(source, stride, scale, target, PANEL_BYTES);
          continue;
        }
        for (int i = 0; i < m; i++) {
          scatter(source + i * stride, n, scale, target + 4L * i, PANEL_BYTES);
        }
        for (int i = 0; i < n; i++) {
          Simd.clear(target + i * PANEL_BYTES + 4L * m, 4L * (LANES - m));
        }
      }
    }
  }

  private static void scatter(long from, int n, float scale, long to, long step) {
    for (int i = 0; i < n; i++) {
      Simd.set(to, scale * Simd.get(from));
      from += 4;
      to += step;
    }
  }

  /**
   * Packs rows of activations as tiles for {@link Gemm#project}; the work is divided among the
   * workers. The blocks of {@link Gemm#K_BLOCK} columns follow each other, each with the tiles of
   * all rows, in the order in which the product reads them.
   */
  static void tiles(Workers workers, long from, int columns, int rows, long to) {
    long stride = 4L * columns;
    for (int i = workers.next(); i * Tile.ROWS < rows; i = workers.next()) {
      long row = (long) i * Tile.ROWS;
      int n = (int) Math.min(Tile.ROWS, rows - row);
      for (int p = 0; p < columns; p += Gemm.K_BLOCK) {
        int k = Math.min(Gemm.K_BLOCK, columns - p);
        rows(from + row * stride + 4L * p, stride, n, k, to + tileOffset(p, k, i, rows));
      }
    }
  }

  /**
   * Returns the byte offset of a tile within those tiles.
   *
   * @param p first column of the tile's block
   * @param k columns of the block
   */
  static long tileOffset(int p, int k, int tile, int rows) {
    int tiles = (rows + Tile.ROWS - 1) / Tile.ROWS;
    return ((long) p * tiles + (long) tile * k) * Tile.ROW_BYTES;
  }

  /** Packs all panels of a tile of rows; the work is divided among the workers. */
  static void panels(Workers workers, long from, int columns, int tokens, long to) {
    for (int i = workers.next(); i * PANEL < tokens; i = workers.next()) {
      int lanes = Math.min(PANEL, tokens - i * PANEL);
      long rows = from + 4L * i * PANEL * columns;
      panel(rows, 4L * columns, lanes, columns, 1, to + (long) i * columns * PANEL_BYTES);
    }
  }

  /**
   * Packs rows of activations as panels of channels, (⌈columns / PANEL⌉, tokens, PANEL): channel c
   * on lane c, zeros on the lanes after the last channel.
   *
   * @param panelStride bytes from one panel to the next
   */
  static void channelPanels(
      long from, long stride, int tokens, int columns, float scale, long to, long panelStride) {
    for (int c = 0; c < columns; c += PANEL) {
      int lanes = Math.min(PANEL, columns - c);
      for (int t = 0; t < tokens; t++) {
        channels(from + t * stride + 4L * c, lanes, scale, to + t * PANEL_BYTES);
      }
      to += panelStride;
    }
  }

  private static void channels(long from, int lanes, float scale, long to) {
    int lane = 0;
    for (; lane <= lanes - LANES; lane += LANES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, from + 4L * lane, LE);
      v.mul(scale).intoMemorySegment(ALL, to + 4L * lane, LE);
    }
    for (; lane < lanes; lane++) {
      Simd.set(to + 4L * lane, scale * Simd.get(from + 4L * lane));
    }
    for (; lane < PANEL; lane++) {
      Simd.set(to + 4L * lane, 0);
    }
  }

  /** Unpacks panels to rows of activations. */
  static void unpackAll(
      long from, long panelStride, int tokens, int columns, long to, long stride) {
    for (int i = 0; i * PANEL < tokens; i++) {
      int lanes = Math.min(PANEL, tokens - i * PANEL);
      unpack(from + i * panelStride, lanes, columns, to + (long) i * PANEL * stride, stride);
    }
  }

  /** Unpacks one panel to rows of activations. */
  static void unpack(long from, int tokens, int columns, long to, long stride) {
    for (int c = 0; c < columns; c += LANES) {
      int n = Math.min(LANES, columns - c);
      for (int t = 0; t < tokens; t += LANES) {
        int m = Math.min(LANES, tokens - t);
        long source = from + c * PANEL_BYTES + 4L * t;
        long target = to + t * stride + 4L * c;
        if (n == LANES && m == LANES) {
          Transpose.block(source, PANEL_BYTES, 1, target, stride);
          continue;
        }
        for (int i = 0; i < m; i++) {
          gather(source + 4L * i, PANEL_BYTES, n, target + i * stride);
        }
      }
    }
  }

  private static void gather(long from, long step, int n, long to) {
    for (int i = 0; i < n; i++) {
      Simd.set(to, Simd.get(from));
      from += step;
      to += 4;
    }
  }

  /** Adds panels times a factor to rows of activations; the contents of the panels are lost. */
  static void addAll(
      long from, long panelStride, int tokens, int columns, float scale, long to, long stride) {
    for (int i = 0; i * PANEL < tokens; i++) {
      int lanes = Math.min(PANEL, tokens - i * PANEL);
      add(from + i * panelStride, lanes, columns, scale, to + (long) i * PANEL * stride, stride);
    }
  }

  private static void add(long from, int tokens, int columns, float scale, long to, long stride) {
    for (int c = 0; c < columns; c += LANES) {
      int n = Math.min(LANES, columns - c);
      for (int t = 0; t < tokens; t += LANES) {
        int m = Math.min(LANES, tokens - t);
        long source = from + c * PANEL_BYTES + 4L * t;
        long target = to + t * stride + 4L * c;
        if (n == LANES && m == LANES) {
          Transpose.block(source, PANEL_BYTES, 1, source, PANEL_BYTES);
          addVectors(source, PANEL_BYTES, scale, target, stride);
          continue;
        }
        for (int i = 0; i < m; i++) {
          gatherAdd(source + 4L * i, PANEL_BYTES, n, scale, target + i * stride);
        }
      }
    }
  }

  private static void addVectors(long from, long step, float scale, long to, long toStep) {
    FloatVector factor = FloatVector.broadcast(FLOATS, scale);
    for (int i = 0; i < LANES; i++) {
      FloatVector.fromMemorySegment(FLOATS, ALL, from, LE)
          .fma(factor, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE))
          .intoMemorySegment(ALL, to, LE);
      from += step;
      to += toStep;
    }
  }

  private static void gatherAdd(long from, long step, int n, float scale, long to) {
    for (int i = 0; i < n; i++) {
      Simd.set(to, Math.fma(scale, Simd.get(from), Simd.get(to)));
      from += step;
      to += 4;
    }
  }
}
