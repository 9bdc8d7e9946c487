package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOAT;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.FloatVector;

/**
 * The micro-kernel: six rows of weights times a panel of tokens, in registers.
 *
 * <p>Every accumulator is a named local and every store is written out, because a vector that
 * crosses a call or an array is boxed: the same loop with a helper for the stores ran at a fifth of
 * the speed. The weights come packed, six to a step of k, so that one address serves them all; with
 * six row addresses the bounds checks alone cost a third. The steps of the addresses are parameters
 * on purpose: where C2 knows them as constants it rewrites the loop, and it runs at half the speed.
 */
final class Tile {
  /** Rows of weights in a tile. */
  static final int ROWS = 6;

  /** Bytes of one step of packed weights. */
  static final long ROW_BYTES = ROWS * (long) Float.BYTES;

  private Tile() {}

  /**
   * C ← A·B, or C ← C + A·B, each element one chain of fused multiply-adds in the order of k.
   *
   * @param a packed weights, (k, 6)
   * @param b panel, (k, PANEL)
   * @param m rows of C to write, 1 to 6
   * @param c (m, PANEL), rows {@code cStep} bytes apart
   * @param lanes how many lanes of the panel matter: the first vector, the first two or all of the
   *     panel's are read and written
   */
  static void multiply(
      long a, long b, int k, int m, long c, long cStep, int lanes, boolean accumulate) {
    if (lanes <= LANES) {
      tile6x1(a, ROW_BYTES, b, PANEL_BYTES, k, m, c, cStep, accumulate);
    } else if (lanes <= 2 * LANES) {
      tile6x2(a, ROW_BYTES, b, PANEL_BYTES, k, m, c, cStep, accumulate);
    } else {
      tile6x4(a, ROW_BYTES, b, PANEL_BYTES, k, m, c, cStep, accumulate);
    }
  }

  /** The tile of one vector; see {@link #multiply}. */
  private static void tile6x1(
      long a,
      long aStep,
      long b,
      long bStep,
      int k,
      int m,
      long c,
      long cStep,
      boolean accumulate) {
    long c1 = c + cStep;
    long c2 = c1 + cStep;
    long c3 = c2 + cStep;
    long c4 = c3 + cStep;
    long c5 = c4 + cStep;
    FloatVector c00 = FloatVector.zero(FLOATS);
    FloatVector c10 = c00;
    FloatVector c20 = c00;
    FloatVector c30 = c00;
    FloatVector c40 = c00;
    FloatVector c50 = c00;
    if (accumulate) {
      c00 = FloatVector.fromMemorySegment(FLOATS, ALL, c, LE);
      if (m > 1) {
        c10 = FloatVector.fromMemorySegment(FLOATS, ALL, c1, LE);
      }
      if (m > 2) {
        c20 = FloatVector.fromMemorySegment(FLOATS, ALL, c2, LE);
      }
      if (m > 3) {
        c30 = FloatVector.fromMemorySegment(FLOATS, ALL, c3, LE);
      }
      if (m > 4) {
        c40 = FloatVector.fromMemorySegment(FLOATS, ALL, c4, LE);
      }
      if (m > 5) {
        c50 = FloatVector.fromMemorySegment(FLOATS, ALL, c5, LE);
      }
    }
    for (int p = 0; p < k; p++) {
      FloatVector b0 = FloatVector.fromMemorySegment(FLOATS, ALL, b, LE);
      FloatVector x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a));
      c00 = x.fma(b0, c00);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 4));
      c10 = x.fma(b0, c10);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 8));
      c20 = x.fma(b0, c20);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 12));
      c30 = x.fma(b0, c30);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 16));
      c40 = x.fma(b0, c40);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 20));
      c50 = x.fma(b0, c50);
      a += aStep;
      b += bStep;
    }
    c00.intoMemorySegment(ALL, c, LE);
    if (m > 1) {
      c10.intoMemorySegment(ALL, c1, LE);
    }
    if (m > 2) {
      c20.intoMemorySegment(ALL, c2, LE);
    }
    if (m > 3) {
      c30.intoMemorySegment(ALL, c3, LE);
    }
    if (m > 4) {
      c40.intoMemorySegment(ALL, c4, LE);
    }
    if (m > 5) {
      c50.intoMemorySegment(ALL, c5, LE);
    }
  }

  /** The tile of two vectors; see {@link #multiply}. */
  private static void tile6x2(
      long a,
      long aStep,
      long b,
      long bStep,
      int k,
      int m,
      long c,
      long cStep,
      boolean accumulate) {
    long c1 = c + cStep;
    long c2 = c1 + cStep;
    long c3 = c2 + cStep;
    long c4 = c3 + cStep;
    long c5 = c4 + cStep;
    FloatVector c00 = FloatVector.zero(FLOATS);
    FloatVector c01 = c00;
    FloatVector c10 = c00;
    FloatVector c11 = c00;
    FloatVector c20 = c00;
    FloatVector c21 = c00;
    FloatVector c30 = c00;
    FloatVector c31 = c00;
    FloatVector c40 = c00;
    FloatVector c41 = c00;
    FloatVector c50 = c00;
    FloatVector c51 = c00;
    if (accumulate) {
      c00 = FloatVector.fromMemorySegment(FLOATS, ALL, c, LE);
      c01 = FloatVector.fromMemorySegment(FLOATS, ALL, c + VECTOR_BYTES, LE);
      if (m > 1) {
        c10 = FloatVector.fromMemorySegment(FLOATS, ALL, c1, LE);
        c11 = FloatVector.fromMemorySegment(FLOATS, ALL, c1 + VECTOR_BYTES, LE);
      }
      if (m > 2) {
        c20 = FloatVector.fromMemorySegment(FLOATS, ALL, c2, LE);
        c21 = FloatVector.fromMemorySegment(FLOATS, ALL, c2 + VECTOR_BYTES, LE);
      }
      if (m > 3) {
        c30 = FloatVector.fromMemorySegment(FLOATS, ALL, c3, LE);
        c31 = FloatVector.fromMemorySegment(FLOATS, ALL, c3 + VECTOR_BYTES, LE);
      }
      if (m > 4) {
        c40 = FloatVector.fromMemorySegment(FLOATS, ALL, c4, LE);
        c41 = FloatVector.fromMemorySegment(FLOATS, ALL, c4 + VECTOR_BYTES, LE);
      }
      if (m > 5) {
        c50 = FloatVector.fromMemorySegment(FLOATS, ALL, c5, LE);
        c51 = FloatVector.fromMemorySegment(FLOATS, ALL, c5 + VECTOR_BYTES, LE);
      }
    }
    for (int p = 0; p < k; p++) {
      FloatVector b0 = FloatVector.fromMemorySegment(FLOATS, ALL, b, LE);
      FloatVector b1 = FloatVector.fromMemorySegment(FLOATS, ALL, b + VECTOR_BYTES, LE);
      FloatVector x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 4));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 8));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 12));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 16));
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 20));
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
      a += aStep;
      b += bStep;
    }
    c00.intoMemorySegment(ALL, c, LE);
    c01.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
    if (m > 1) {
      c10.intoMemorySegment(ALL, c1, LE);
      c11.intoMemorySegment(ALL, c1 + VECTOR_BYTES, LE);
    }
    if (m > 2) {
      c20.intoMemorySegment(ALL, c2, LE);
      c21.intoMemorySegment(ALL, c2 + VECTOR_BYTES, LE);
    }
    if (m > 3) {
      c30.intoMemorySegment(ALL, c3, LE);
      c31.intoMemorySegment(ALL, c3 + VECTOR_BYTES, LE);
    }
    if (m > 4) {
      c40.intoMemorySegment(ALL, c4, LE);
      c41.intoMemorySegment(ALL, c4 + VECTOR_BYTES, LE);
    }
    if (m > 5) {
      c50.intoMemorySegment(ALL, c5, LE);
      c51.intoMemorySegment(ALL, c5 + VECTOR_BYTES, LE);
    }
  }

  /** The tile of four vectors; see {@link #multiply}. */
  private static void tile6x4(
      long a,
      long aStep,
      long b,
      long bStep,
      int k,
      int m,
      long c,
      long cStep,
      boolean accumulate) {
    long c1 = c + cStep;
    long c2 = c1 + cStep;
    long c3 = c2 + cStep;
    long c4 = c3 + cStep;
    long c5 = c4 + cStep;
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
    FloatVector c30 = c00;
    FloatVector c31 = c00;
    FloatVector c32 = c00;
    FloatVector c33 = c00;
    FloatVector c40 = c00;
    FloatVector c41 = c00;
    FloatVector c42 = c00;
    FloatVector c43 = c00;
    FloatVector c50 = c00;
    FloatVector c51 = c00;
    FloatVector c52 = c00;
    FloatVector c53 = c00;
    if (accumulate) {
      c00 = FloatVector.fromMemorySegment(FLOATS, ALL, c, LE);
      c01 = FloatVector.fromMemorySegment(FLOATS, ALL, c + VECTOR_BYTES, LE);
      c02 = FloatVector.fromMemorySegment(FLOATS, ALL, c + 2 * VECTOR_BYTES, LE);
      c03 = FloatVector.fromMemorySegment(FLOATS, ALL, c + 3 * VECTOR_BYTES, LE);
      if (m > 1) {
        c10 = FloatVector.fromMemorySegment(FLOATS, ALL, c1, LE);
        c11 = FloatVector.fromMemorySegment(FLOATS, ALL, c1 + VECTOR_BYTES, LE);
        c12 = FloatVector.fromMemorySegment(FLOATS, ALL, c1 + 2 * VECTOR_BYTES, LE);
        c13 = FloatVector.fromMemorySegment(FLOATS, ALL, c1 + 3 * VECTOR_BYTES, LE);
      }
      if (m > 2) {
        c20 = FloatVector.fromMemorySegment(FLOATS, ALL, c2, LE);
        c21 = FloatVector.fromMemorySegment(FLOATS, ALL, c2 + VECTOR_BYTES, LE);
        c22 = FloatVector.fromMemorySegment(FLOATS, ALL, c2 + 2 * VECTOR_BYTES, LE);
        c23 = FloatVector.fromMemorySegment(FLOATS, ALL, c2 + 3 * VECTOR_BYTES, LE);
      }
      if (m > 3) {
        c30 = FloatVector.fromMemorySegment(FLOATS, ALL, c3, LE);
        c31 = FloatVector.fromMemorySegment(FLOATS, ALL, c3 + VECTOR_BYTES, LE);
        c32 = FloatVector.fromMemorySegment(FLOATS, ALL, c3 + 2 * VECTOR_BYTES, LE);
        c33 = FloatVector.fromMemorySegment(FLOATS, ALL, c3 + 3 * VECTOR_BYTES, LE);
      }
      if (m > 4) {
        c40 = FloatVector.fromMemorySegment(FLOATS, ALL, c4, LE);
        c41 = FloatVector.fromMemorySegment(FLOATS, ALL, c4 + VECTOR_BYTES, LE);
        c42 = FloatVector.fromMemorySegment(FLOATS, ALL, c4 + 2 * VECTOR_BYTES, LE);
        c43 = FloatVector.fromMemorySegment(FLOATS, ALL, c4 + 3 * VECTOR_BYTES, LE);
      }
      if (m > 5) {
        c50 = FloatVector.fromMemorySegment(FLOATS, ALL, c5, LE);
        c51 = FloatVector.fromMemorySegment(FLOATS, ALL, c5 + VECTOR_BYTES, LE);
        c52 = FloatVector.fromMemorySegment(FLOATS, ALL, c5 + 2 * VECTOR_BYTES, LE);
        c53 = FloatVector.fromMemorySegment(FLOATS, ALL, c5 + 3 * VECTOR_BYTES, LE);
      }
    }
    for (int p = 0; p < k; p++) {
      FloatVector b0 = FloatVector.fromMemorySegment(FLOATS, ALL, b, LE);
      FloatVector b1 = FloatVector.fromMemorySegment(FLOATS, ALL, b + VECTOR_BYTES, LE);
      FloatVector b2 = FloatVector.fromMemorySegment(FLOATS, ALL, b + 2 * VECTOR_BYTES, LE);
      FloatVector b3 = FloatVector.fromMemorySegment(FLOATS, ALL, b + 3 * VECTOR_BYTES, LE);
      FloatVector x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      c02 = x.fma(b2, c02);
      c03 = x.fma(b3, c03);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 4));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      c12 = x.fma(b2, c12);
      c13 = x.fma(b3, c13);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 8));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      c22 = x.fma(b2, c22);
      c23 = x.fma(b3, c23);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 12));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      c32 = x.fma(b2, c32);
      c33 = x.fma(b3, c33);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 16));
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      c42 = x.fma(b2, c42);
      c43 = x.fma(b3, c43);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a + 20));
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
      c52 = x.fma(b2, c52);
      c53 = x.fma(b3, c53);
      a += aStep;
      b += bStep;
    }
    c00.intoMemorySegment(ALL, c, LE);
    c01.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
    c02.intoMemorySegment(ALL, c + 2 * VECTOR_BYTES, LE);
    c03.intoMemorySegment(ALL, c + 3 * VECTOR_BYTES, LE);
    if (m > 1) {
      c10.intoMemorySegment(ALL, c1, LE);
      c11.intoMemorySegment(ALL, c1 + VECTOR_BYTES, LE);
      c12.intoMemorySegment(ALL, c1 + 2 * VECTOR_BYTES, LE);
      c13.intoMemorySegment(ALL, c1 + 3 * VECTOR_BYTES, LE);
    }
    if (m > 2) {
      c20.intoMemorySegment(ALL, c2, LE);
      c21.intoMemorySegment(ALL, c2 + VECTOR_BYTES, LE);
      c22.intoMemorySegment(ALL, c2 + 2 * VECTOR_BYTES, LE);
      c23.intoMemorySegment(ALL, c2 + 3 * VECTOR_BYTES, LE);
    }
    if (m > 3) {
      c30.intoMemorySegment(ALL, c3, LE);
      c31.intoMemorySegment(ALL, c3 + VECTOR_BYTES, LE);
      c32.intoMemorySegment(ALL, c3 + 2 * VECTOR_BYTES, LE);
      c33.intoMemorySegment(ALL, c3 + 3 * VECTOR_BYTES, LE);
    }
    if (m > 4) {
      c40.intoMemorySegment(ALL, c4, LE);
      c41.intoMemorySegment(ALL, c4 + VECTOR_BYTES, LE);
      c42.intoMemorySegment(ALL, c4 + 2 * VECTOR_BYTES, LE);
      c43.intoMemorySegment(ALL, c4 + 3 * VECTOR_BYTES, LE);
    }
    if (m > 5) {
      c50.intoMemorySegment(ALL, c5, LE);
      c51.intoMemorySegment(ALL, c5 + VECTOR_BYTES, LE);
      c52.intoMemorySegment(ALL, c5 + 2 * VECTOR_BYTES, LE);
      c53.intoMemorySegment(ALL, c5 + 3 * VECTOR_BYTES, LE);
    }
  }
}
