package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FOUR_FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.FOUR_INTS;
import static org.tokenformer.engine.backend.vector.Simd.LE;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Blocks of four rows by four columns that change places, between rows of activations and panels.
 * Vectors of 128 bits at every width: larger blocks would save instructions, but their registers do
 * not fit those of machines without AVX-512, and the caches' misses are most of the time anyway.
 * Four bytes are moved as integers, since that is what C2's permutations take as indices.
 */
final class Transpose {
  /** Rows and columns of a block. */
  static final int SIDE = 4;

  private static final IntVector LOW = IntVector.fromArray(FOUR_INTS, new int[] {0, 4, 1, 5}, 0);
  private static final IntVector HIGH = IntVector.fromArray(FOUR_INTS, new int[] {2, 6, 3, 7}, 0);

  private Transpose() {}

  /**
   * A chain of blocks, times a factor.
   *
   * @param from address of the first block, whose rows are {@code stride} bytes apart
   * @param step bytes from one block to the next
   * @param to address of the first result, whose rows are {@code toStride} bytes apart
   * @param toStep bytes from one result to the next
   */
  static void blocks(
      long from,
      long stride,
      long step,
      int count,
      float factor,
      long to,
      long toStride,
      long toStep) {
    for (int i = 0; i < count; i++) {
      IntVector a = IntVector.fromMemorySegment(FOUR_INTS, ALL, from, LE);
      IntVector b = IntVector.fromMemorySegment(FOUR_INTS, ALL, from + stride, LE);
      IntVector c = IntVector.fromMemorySegment(FOUR_INTS, ALL, from + 2 * stride, LE);
      IntVector d = IntVector.fromMemorySegment(FOUR_INTS, ALL, from + 3 * stride, LE);
      IntVector p = LOW.selectFrom(a, c);
      IntVector q = LOW.selectFrom(b, d);
      FloatVector v = LOW.selectFrom(p, q).reinterpretAsFloats();
      FloatVector w = HIGH.selectFrom(p, q).reinterpretAsFloats();
      v.mul(factor).intoMemorySegment(ALL, to, LE);
      w.mul(factor).intoMemorySegment(ALL, to + toStride, LE);
      p = HIGH.selectFrom(a, c);
      q = HIGH.selectFrom(b, d);
      v = LOW.selectFrom(p, q).reinterpretAsFloats();
      w = HIGH.selectFrom(p, q).reinterpretAsFloats();
      v.mul(factor).intoMemorySegment(ALL, to + 2 * toStride, LE);
      w.mul(factor).intoMemorySegment(ALL, to + 3 * toStride, LE);
      from += step;
      to += toStep;
    }
  }

  /** Adds a chain of blocks, times a factor, to what is there; see {@link #blocks}. */
  static void addBlocks(
      long from,
      long stride,
      long step,
      int count,
      float factor,
      long to,
      long toStride,
      long toStep) {
    FloatVector f = FloatVector.broadcast(FOUR_FLOATS, factor);
    for (int i = 0; i < count; i++) {
      IntVector a = IntVector.fromMemorySegment(FOUR_INTS, ALL, from, LE);
      IntVector b = IntVector.fromMemorySegment(FOUR_INTS, ALL, from + stride, LE);
      IntVector c = IntVector.fromMemorySegment(FOUR_INTS, ALL, from + 2 * stride, LE);
      IntVector d = IntVector.fromMemorySegment(FOUR_INTS, ALL, from + 3 * stride, LE);
      IntVector p = LOW.selectFrom(a, c);
      IntVector q = LOW.selectFrom(b, d);
      FloatVector v = LOW.selectFrom(p, q).reinterpretAsFloats();
      FloatVector w = HIGH.selectFrom(p, q).reinterpretAsFloats();
      FloatVector old = FloatVector.fromMemorySegment(FOUR_FLOATS, ALL, to, LE);
      v.fma(f, old).intoMemorySegment(ALL, to, LE);
      old = FloatVector.fromMemorySegment(FOUR_FLOATS, ALL, to + toStride, LE);
      w.fma(f, old).intoMemorySegment(ALL, to + toStride, LE);
      p = HIGH.selectFrom(a, c);
      q = HIGH.selectFrom(b, d);
      v = LOW.selectFrom(p, q).reinterpretAsFloats();
      w = HIGH.selectFrom(p, q).reinterpretAsFloats();
      old = FloatVector.fromMemorySegment(FOUR_FLOATS, ALL, to + 2 * toStride, LE);
      v.fma(f, old).intoMemorySegment(ALL, to + 2 * toStride, LE);
      old = FloatVector.fromMemorySegment(FOUR_FLOATS, ALL, to + 3 * toStride, LE);
      w.fma(f, old).intoMemorySegment(ALL, to + 3 * toStride, LE);
      from += step;
      to += toStep;
    }
  }
}
