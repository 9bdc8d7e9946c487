package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOAT;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_VECTORS;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.FloatVector;

/**
 * The micro-kernel: multiplies six rows of one matrix by a panel of the other in registers, with
 * four vectors of the panel where there are 32 registers and two where there may be 16. With four,
 * ten loads serve 24 multiply-adds; with two, eight serve twelve. On a core of its own both run at
 * the limit of the multiply-adds; on one whose other hardware thread is busy, four are a fifth
 * faster.
 *
 * <p>Every accumulator is a named local and every store is written out, because a vector that
 * crosses a call or an array is boxed: the same loop with a helper for the stores ran at a fifth of
 * the speed. The rows are packed, six values per step of k, so that one address serves them all;
 * with six row addresses, the bounds checks alone cost a third. The address steps in the loop are
 * parameters on purpose: if C2 knows them as constants, it rewrites the loop, which then runs at
 * half the speed. The loop runs over addresses, since C2 splits a counted loop into three, and
 * entering and leaving those costs a twentieth of a short chain. With two vectors, an iteration
 * does two steps.
 *
 * <p>A method must not be much larger than these. For a larger one, C1 may run out of virtual
 * registers in the version that counts calls and branches, yet compile the version that does not.
 * The method then stays in that version permanently: C2 never gets a profile, and the tile is a
 * hundred times slower. Hence the second half of the rows is moved to the names of the first half
 * and stored by the same lines.
 */
final class Tile {
  /** Rows per tile. */
  static final int ROWS = 6;

  /** Bytes per step of packed rows. */
  static final long ROW_BYTES = ROWS * (long) Float.BYTES;

  /**
   * Steps of k per chain. A chain of additions loses accuracy in its last bits in proportion to its
   * length, so short chains keep the error of a model near that of its single roundings. They cost
   * a fortieth of the speed; chains of half this length would cost a tenth of a training step.
   * There is one call per block: when the loop over the blocks was in one method with the tile, C2
   * made the tile a fifth slower.
   */
  static final int SUM_BLOCK = 32;

  /** Vectors per panel row, or per part of one, in the kernels with twelve chains. */
  private static final int NARROW = 2;

  private Tile() {}

  /** Returns the number of vectors of a panel that must be computed for that many of its lanes. */
  static int vectors(int lanes) {
    return lanes <= NARROW * LANES ? NARROW : PANEL_VECTORS;
  }

  /**
   * Computes C ← A·B, or C ← C + A·B. Each element is summed in blocks of {@link #SUM_BLOCK} steps
   * of k. A block is one chain of fused multiply-adds in the order of k, and the blocks are added
   * in their order.
   *
   * @param a packed rows, (k, 6)
   * @param b panel, (k, PANEL)
   * @param vectors vectors per row of the panel, from {@link #vectors}
   * @param c six rows of that many vectors, {@code stride} bytes apart
   */
  static void multiply(
      long a, long b, int k, int vectors, long c, long stride, boolean accumulate) {
    for (int p = 0; p == 0 || p < k; p += SUM_BLOCK) { // an empty sum is 0
      int steps = Math.min(SUM_BLOCK, k - p);
      chain(a, b, PANEL_BYTES, steps, vectors, c, stride, accumulate || p > 0);
      a += steps * ROW_BYTES;
      b += steps * PANEL_BYTES;
    }
  }

  /**
   * Computes C ← A·B, or C ← C + A·B, as one chain of at most {@link #SUM_BLOCK} steps; the rows of
   * B may be at any distance.
   *
   * @param a packed, (k, 6)
   * @param b rows, {@code bStep} bytes apart
   * @param vectors vectors per row, from {@link #vectors}
   * @param c six rows of that many vectors, {@code stride} bytes apart
   */
  static void chain(
      long a, long b, long bStep, int k, int vectors, long c, long stride, boolean accumulate) {
    if (vectors > NARROW) {
      wide(a, ROW_BYTES, b, bStep, k, c, stride, accumulate);
    } else {
      narrow(a, ROW_BYTES, b, bStep, k, c, stride, accumulate);
    }
  }

  /** Computes the chain with four vectors. */
  private static void wide(
      long a, long aStep, long b, long bStep, int k, long c, long stride, boolean accumulate) {
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
    long end = b + k * bStep;
    while (b < end) {
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
    for (int half = 0; ; half++) {
      if (accumulate) {
        long row = c;
        c00 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c00);
        c01 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c01);
        c02 = FloatVector.fromMemorySegment(FLOATS, ALL, row + 2 * VECTOR_BYTES, LE).add(c02);
        c03 = FloatVector.fromMemorySegment(FLOATS, ALL, row + 3 * VECTOR_BYTES, LE).add(c03);
        row += stride;
        c10 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c10);
        c11 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c11);
        c12 = FloatVector.fromMemorySegment(FLOATS, ALL, row + 2 * VECTOR_BYTES, LE).add(c12);
        c13 = FloatVector.fromMemorySegment(FLOATS, ALL, row + 3 * VECTOR_BYTES, LE).add(c13);
        row += stride;
        c20 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c20);
        c21 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c21);
        c22 = FloatVector.fromMemorySegment(FLOATS, ALL, row + 2 * VECTOR_BYTES, LE).add(c22);
        c23 = FloatVector.fromMemorySegment(FLOATS, ALL, row + 3 * VECTOR_BYTES, LE).add(c23);
      }
      c00.intoMemorySegment(ALL, c, LE);
      c01.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
      c02.intoMemorySegment(ALL, c + 2 * VECTOR_BYTES, LE);
      c03.intoMemorySegment(ALL, c + 3 * VECTOR_BYTES, LE);
      c += stride;
      c10.intoMemorySegment(ALL, c, LE);
      c11.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
      c12.intoMemorySegment(ALL, c + 2 * VECTOR_BYTES, LE);
      c13.intoMemorySegment(ALL, c + 3 * VECTOR_BYTES, LE);
      c += stride;
      c20.intoMemorySegment(ALL, c, LE);
      c21.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
      c22.intoMemorySegment(ALL, c + 2 * VECTOR_BYTES, LE);
      c23.intoMemorySegment(ALL, c + 3 * VECTOR_BYTES, LE);
      c += stride;
      if (half == 1) {
        return;
      }
      c00 = c30;
      c01 = c31;
      c02 = c32;
      c03 = c33;
      c10 = c40;
      c11 = c41;
      c12 = c42;
      c13 = c43;
      c20 = c50;
      c21 = c51;
      c22 = c52;
      c23 = c53;
    }
  }

  /** Computes the chain with two vectors, two steps of k per iteration. */
  private static void narrow(
      long a, long aStep, long b, long bStep, int k, long c, long stride, boolean accumulate) {
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
    long end = b + (k & ~1) * bStep;
    while (b < end) {
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
      b0 = FloatVector.fromMemorySegment(FLOATS, ALL, b, LE);
      b1 = FloatVector.fromMemorySegment(FLOATS, ALL, b + VECTOR_BYTES, LE);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, a));
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
    if ((k & 1) != 0) {
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
    }
    for (int half = 0; ; half++) {
      if (accumulate) {
        long row = c;
        c00 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c00);
        c01 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c01);
        row += stride;
        c10 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c10);
        c11 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c11);
        row += stride;
        c20 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c20);
        c21 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c21);
      }
      c00.intoMemorySegment(ALL, c, LE);
      c01.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
      c += stride;
      c10.intoMemorySegment(ALL, c, LE);
      c11.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
      c += stride;
      c20.intoMemorySegment(ALL, c, LE);
      c21.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
      c += stride;
      if (half == 1) {
        return;
      }
      c00 = c30;
      c01 = c31;
      c10 = c40;
      c11 = c41;
      c20 = c50;
      c21 = c51;
    }
  }
}
