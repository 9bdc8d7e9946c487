package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.INTS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Transposes square blocks of floats, with as many rows as a vector has lanes, by permuting
 * registers. With rows and lanes written in base four, a number at row (r₁, r₀) and lane (c₁, c₀)
 * first swaps r₀ and c₀, then r₁ and c₁. For vectors with eight lanes the second digit has base
 * two; for those with four there is none. Each swap works on four (or two) vectors at a time, so
 * that the numbers stay in registers.
 *
 * <p>Floats are permuted as ints, for the reason given in {@link Interleave}.
 */
final class Transpose {
  private static final int BASE = 4;

  private static final IntVector FIRST_LOW = pairs(1, 0);
  private static final IntVector FIRST_HIGH = pairs(1, 2);
  private static final IntVector FIRST_EVEN = joined(1, 0);
  private static final IntVector FIRST_ODD = joined(1, 2);
  private static final IntVector SECOND_LOW = pairs(LANES / BASE, 0);
  private static final IntVector SECOND_HIGH = pairs(LANES / BASE, 2);
  private static final IntVector SECOND_EVEN = joined(LANES / BASE, 0);
  private static final IntVector SECOND_ODD = joined(LANES / BASE, 2);
  private static final IntVector LOW_HALVES = halves(0);
  private static final IntVector HIGH_HALVES = halves(LANES / 2);

  private Transpose() {}

  /**
   * Transposes one block.
   *
   * @param from address of its first row; rows are {@code fromStride} bytes apart
   * @param scale factor of all numbers
   * @param to where the first row of the transpose goes; rows are {@code toStride} bytes apart. It
   *     may be {@code from} if the strides are the same
   */
  static void block(long from, long fromStride, float scale, long to, long toStride) {
    swapFirst(from, fromStride, BASE * fromStride, scale, to, toStride, BASE * toStride);
    if (LANES == BASE * BASE) {
      swapSecond(to, BASE * toStride, toStride);
    } else if (LANES == 2 * BASE) {
      swapHalves(to, BASE * toStride, toStride);
    }
  }

  /** Multiplies by the scale, and swaps r₀ and c₀ in each group of four rows. */
  private static void swapFirst(
      long from, long step, long group, float scale, long to, long toStep, long toGroup) {
    FloatVector factor = FloatVector.broadcast(FLOATS, scale);
    for (int i = 0; i < LANES; i += BASE) {
      IntVector a =
          FloatVector.fromMemorySegment(FLOATS, ALL, from, LE).mul(factor).reinterpretAsInts();
      IntVector b =
          FloatVector.fromMemorySegment(FLOATS, ALL, from + step, LE)
              .mul(factor)
              .reinterpretAsInts();
      IntVector c =
          FloatVector.fromMemorySegment(FLOATS, ALL, from + 2 * step, LE)
              .mul(factor)
              .reinterpretAsInts();
      IntVector d =
          FloatVector.fromMemorySegment(FLOATS, ALL, from + 3 * step, LE)
              .mul(factor)
              .reinterpretAsInts();
      IntVector ab = FIRST_LOW.selectFrom(a, b);
      IntVector cd = FIRST_LOW.selectFrom(c, d);
      FIRST_EVEN.selectFrom(ab, cd).intoMemorySegment(ALL, to, LE);
      FIRST_ODD.selectFrom(ab, cd).intoMemorySegment(ALL, to + toStep, LE);
      ab = FIRST_HIGH.selectFrom(a, b);
      cd = FIRST_HIGH.selectFrom(c, d);
      FIRST_EVEN.selectFrom(ab, cd).intoMemorySegment(ALL, to + 2 * toStep, LE);
      FIRST_ODD.selectFrom(ab, cd).intoMemorySegment(ALL, to + 3 * toStep, LE);
      from += group;
      to += toGroup;
    }
  }

  /** Swaps r₁ and c₁ in base four, in laneDigit. */
  private static void swapSecond(long at, long step, long group) {
    for (int i = 0; i < BASE; i++) {
      IntVector a = IntVector.fromMemorySegment(INTS, ALL, at, LE);
      IntVector b = IntVector.fromMemorySegment(INTS, ALL, at + step, LE);
      IntVector c = IntVector.fromMemorySegment(INTS, ALL, at + 2 * step, LE);
      IntVector d = IntVector.fromMemorySegment(INTS, ALL, at + 3 * step, LE);
      IntVector ab = SECOND_LOW.selectFrom(a, b);
      IntVector cd = SECOND_LOW.selectFrom(c, d);
      SECOND_EVEN.selectFrom(ab, cd).intoMemorySegment(ALL, at, LE);
      SECOND_ODD.selectFrom(ab, cd).intoMemorySegment(ALL, at + step, LE);
      ab = SECOND_HIGH.selectFrom(a, b);
      cd = SECOND_HIGH.selectFrom(c, d);
      SECOND_EVEN.selectFrom(ab, cd).intoMemorySegment(ALL, at + 2 * step, LE);
      SECOND_ODD.selectFrom(ab, cd).intoMemorySegment(ALL, at + 3 * step, LE);
      at += group;
    }
  }

  /** Swaps r₁ and c₁ in base two, in laneDigit. */
  private static void swapHalves(long at, long step, long group) {
    for (int i = 0; i < BASE; i++) {
      IntVector a = IntVector.fromMemorySegment(INTS, ALL, at, LE);
      IntVector b = IntVector.fromMemorySegment(INTS, ALL, at + step, LE);
      LOW_HALVES.selectFrom(a, b).intoMemorySegment(ALL, at, LE);
      HIGH_HALVES.selectFrom(a, b).intoMemorySegment(ALL, at + step, LE);
      at += group;
    }
  }

  /**
   * Returns indices that select from two vectors a and b, for each value of the other digit: a and
   * b at {@code digit}, then a and b at {@code digit} + 1.
   *
   * @param unit lanes from one value of the swapped digit to the next
   */
  private static IntVector pairs(int unit, int digit) {
    int[] indices = new int[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      int laneDigit = lane / unit % BASE;
      indices[lane] = lane + (digit + laneDigit / 2 - laneDigit) * unit + laneDigit % 2 * LANES;
    }
    return IntVector.fromArray(INTS, indices, 0);
  }

  /**
   * Returns indices that select from two vectors made by {@link #pairs}: the lanes of {@code digit}
   * and {@code digit} + 1 of the first, then those of the second.
   */
  private static IntVector joined(int unit, int digit) {
    int[] indices = new int[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      int laneDigit = lane / unit % BASE;
      indices[lane] = lane + (digit + laneDigit % 2 - laneDigit) * unit + laneDigit / 2 * LANES;
    }
    return IntVector.fromArray(INTS, indices, 0);
  }

  /** Returns indices of the half starting at {@code first} of one vector, then of a second one. */
  private static IntVector halves(int first) {
    int[] indices = new int[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      indices[lane] = first + lane % (LANES / 2) + lane / (LANES / 2) * LANES;
    }
    return IntVector.fromArray(INTS, indices, 0);
  }
}
