package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOAT;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.FloatVector;

/**
 * The micro-kernel: six rows of one matrix times a panel of the other, in registers.
 *
 * <p>Every accumulator is a named local and every store is written out, because a vector that
 * crosses a call or an array is boxed: the same loop with a helper for the stores ran at a fifth of
 * the speed. The rows come packed, six to a step of k, so that one address serves them all; with
 * six row addresses the bounds checks alone cost a third. The steps of the addresses in the loop
 * are parameters on purpose: where C2 knows them as constants it rewrites the loop, and it runs at
 * half the speed. The loop is one over addresses and does two steps a round, since C2 cuts a
 * counted one into three, and to enter and leave those cost a twentieth of a short chain; chains of
 * odd length have a method of their own. A method must not be much larger than these: where C1 runs
 * out of virtual registers, C2 may never see a profile, and the tile stays a hundred times slower.
 */
final class Tile {
  /** Rows in a tile. */
  static final int ROWS = 6;

  /** Bytes of one step of packed rows. */
  static final long ROW_BYTES = ROWS * (long) Float.BYTES;

  /**
   * Steps of k that are one chain. A chain loses about as many of its last bits as it is long, so
   * short ones keep the error of a model near that of its single roundings; they cost a fortieth of
   * the speed, and half as long ones a tenth of a training step. A call for each block: with the
   * loop over the blocks in one method with the tile, C2 left the tile a fifth slower.
   */
  static final int SUM_BLOCK = 32;

  private Tile() {}

  /**
   * C ← A·B, or C ← C + A·B. Each element is summed in blocks of {@link #SUM_BLOCK} steps of k,
   * each one chain of fused multiply-adds in the order of k, and the blocks are added in their
   * order.
   *
   * @param a packed rows, (k, 6)
   * @param b panel, (k, PANEL)
   * @param c six rows of PANEL floats, {@code stride} bytes apart
   */
  static void multiply(long a, long b, int k, long c, long stride, boolean accumulate) {
    for (int p = 0; p == 0 || p < k; p += SUM_BLOCK) { // of nothing, the sum is 0
      int steps = Math.min(SUM_BLOCK, k - p);
      chain(a, b, PANEL_BYTES, steps, c, stride, accumulate || p > 0);
      a += steps * ROW_BYTES;
      b += steps * PANEL_BYTES;
    }
  }

  /**
   * C ← A·B, or C ← C + A·B, as one chain of at most {@link #SUM_BLOCK} steps, with rows of B that
   * lie anywhere.
   *
   * @param a packed, (k, 6)
   * @param b rows of PANEL floats, {@code bStep} bytes apart
   * @param c six rows of PANEL floats, {@code stride} bytes apart
   */
  static void chain(long a, long b, long bStep, int k, long c, long stride, boolean accumulate) {
    if (k % 2 == 0) {
      pairs(a, ROW_BYTES, b, bStep, k, c, stride, accumulate);
    } else {
      steps(a, ROW_BYTES, b, bStep, k, c, stride, accumulate);
    }
  }

  /** The chain two steps of k a round; k is even. */
  private static void pairs(
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
    long end = b + k * bStep;
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
      row += stride;
      c30 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c30);
      c31 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c31);
      row += stride;
      c40 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c40);
      c41 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c41);
      row += stride;
      c50 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c50);
      c51 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c51);
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
    c30.intoMemorySegment(ALL, c, LE);
    c31.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
    c += stride;
    c40.intoMemorySegment(ALL, c, LE);
    c41.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
    c += stride;
    c50.intoMemorySegment(ALL, c, LE);
    c51.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
  }

  /** The chain a step at a time, for any k. */
  private static void steps(
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
    long end = b + k * bStep;
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
    }
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
      row += stride;
      c30 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c30);
      c31 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c31);
      row += stride;
      c40 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c40);
      c41 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c41);
      row += stride;
      c50 = FloatVector.fromMemorySegment(FLOATS, ALL, row, LE).add(c50);
      c51 = FloatVector.fromMemorySegment(FLOATS, ALL, row + VECTOR_BYTES, LE).add(c51);
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
    c30.intoMemorySegment(ALL, c, LE);
    c31.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
    c += stride;
    c40.intoMemorySegment(ALL, c, LE);
    c41.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
    c += stride;
    c50.intoMemorySegment(ALL, c, LE);
    c51.intoMemorySegment(ALL, c + VECTOR_BYTES, LE);
  }
}
