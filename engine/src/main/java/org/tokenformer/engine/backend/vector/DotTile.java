package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.HALF_SHORTS;
import static org.tokenformer.engine.backend.vector.Simd.INTS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import java.lang.foreign.Arena;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The micro-kernel of {@link FewTokens#dots}: three rows of weights times a group of tokens along
 * their channels, each product a vector of partial sums. With 32 registers a group has eight tokens
 * and needs eleven loads for 24 multiply-adds; where there may be only 16, four tokens and seven
 * loads for twelve. BF16 is widened in registers, once per group: when it was widened into memory
 * first, once for all groups, a step of four conversations took a sixth longer and one of sixteen a
 * twelfth.
 *
 * <p>Written like {@link Tile}, for the same reasons.
 */
final class DotTile {
  /** Rows per tile. */
  static final int ROWS = 3;

  private static final int MIN_TOKENS = 4;

  /** Tokens in the largest group. */
  static final int MAX_TOKENS = LANES == 16 ? 8 : 4;

  /** Bytes needed for the products of the largest group. */
  static final long SUMS_BYTES = (long) ROWS * MAX_TOKENS * VECTOR_BYTES;

  private static final long HALF_BYTES = VECTOR_BYTES / 2;

  /**
   * Address of the permutation indices of {@link #addLanes}. For each run length of lanes, from
   * half a vector down to one, there are two vectors of indices into two concatenated vectors:
   * those of the even-numbered runs, then those of the odd-numbered runs.
   */
  private static final long RUNS = runs();

  private DotTile() {}

  private static long runs() {
    long bytes = 2 * VECTOR_BYTES * Integer.numberOfTrailingZeros(LANES);
    long tables = Arena.global().allocate(bytes, VECTOR_BYTES).address();
    long to = tables;
    for (int run = LANES / 2; run > 0; run /= 2) {
      for (int first = 0; first <= run; first += run) {
        for (int lane = 0; lane < LANES; lane++) {
          Simd.setInt(to, lane / run * 2 * run + first + lane % run);
          to += Integer.BYTES;
        }
      }
    }
    return tables;
  }

  /**
   * Returns the size of the next group when {@code left} tokens remain; a group is padded with
   * zeros.
   */
  static int tokens(int left) {
    return left <= MIN_TOKENS ? MIN_TOKENS : MAX_TOKENS;
  }

  /**
   * Adds up the lanes of each of {@code count} vectors: lane i and lane i + 8 of 16, then i + 4 and
   * so on. Each step combines two vectors, or one with itself, into one.
   *
   * @param vectors address of the vectors; the sums are stored there, contiguously
   * @param count a power of 2, at least 4 and at most {@link #MAX_TOKENS}
   */
  static void addLanes(long vectors, int count) {
    for (int i = 0; i < count; i += 4) {
      addHalves(vectors + i * VECTOR_BYTES, vectors + i / 4 * VECTOR_BYTES);
    }
    long table = RUNS + 4 * VECTOR_BYTES;
    long other = count > 4 ? VECTOR_BYTES : 0;
    for (int run = LANES / 8; run > 0; run /= 2) {
      IntVector a = IntVector.fromMemorySegment(INTS, ALL, vectors, LE);
      IntVector b = IntVector.fromMemorySegment(INTS, ALL, vectors + other, LE);
      IntVector evenRuns = IntVector.fromMemorySegment(INTS, ALL, table, LE);
      IntVector oddRuns = IntVector.fromMemorySegment(INTS, ALL, table + VECTOR_BYTES, LE);
      evenRuns
          .selectFrom(a, b)
          .reinterpretAsFloats()
          .add(oddRuns.selectFrom(a, b).reinterpretAsFloats())
          .intoMemorySegment(ALL, vectors, LE);
      other = 0;
      table += 2 * VECTOR_BYTES;
    }
  }

  /** Does the first two steps for four vectors. */
  private static void addHalves(long vectors, long to) {
    IntVector evenRuns = IntVector.fromMemorySegment(INTS, ALL, RUNS, LE);
    IntVector oddRuns = IntVector.fromMemorySegment(INTS, ALL, RUNS + VECTOR_BYTES, LE);
    IntVector a = IntVector.fromMemorySegment(INTS, ALL, vectors, LE);
    IntVector b = IntVector.fromMemorySegment(INTS, ALL, vectors + VECTOR_BYTES, LE);
    FloatVector ab =
        evenRuns
            .selectFrom(a, b)
            .reinterpretAsFloats()
            .add(oddRuns.selectFrom(a, b).reinterpretAsFloats());
    a = IntVector.fromMemorySegment(INTS, ALL, vectors + 2 * VECTOR_BYTES, LE);
    b = IntVector.fromMemorySegment(INTS, ALL, vectors + 3 * VECTOR_BYTES, LE);
    FloatVector cd =
        evenRuns
            .selectFrom(a, b)
            .reinterpretAsFloats()
            .add(oddRuns.selectFrom(a, b).reinterpretAsFloats());
    evenRuns = IntVector.fromMemorySegment(INTS, ALL, RUNS + 2 * VECTOR_BYTES, LE);
    oddRuns = IntVector.fromMemorySegment(INTS, ALL, RUNS + 3 * VECTOR_BYTES, LE);
    a = ab.reinterpretAsInts();
    b = cd.reinterpretAsInts();
    evenRuns
        .selectFrom(a, b)
        .reinterpretAsFloats()
        .add(oddRuns.selectFrom(a, b).reinterpretAsFloats())
        .intoMemorySegment(ALL, to, LE);
  }

  /**
   * Multiplies whole vectors of channels.
   *
   * @param w0 address of the first row, F32 or, if {@code bf16}, BF16; w1 and w2 are the other two
   * @param x (k, tokens) vectors
   * @param tokens from {@link #tokens}
   * @param k vectors of channels
   * @param sums where the products go, (3, tokens) vectors
   */
  static void multiply(
      boolean bf16, long w0, long w1, long w2, long x, int tokens, int k, long sums) {
    long xStep = tokens * VECTOR_BYTES;
    if (tokens == MIN_TOKENS) {
      if (bf16) {
        fourBf16(w0, w1, w2, HALF_BYTES, x, xStep, k, sums);
      } else {
        four(w0, w1, w2, VECTOR_BYTES, x, xStep, k, sums);
      }
    } else if (bf16) {
      eightBf16(w0, w1, w2, HALF_BYTES, x, xStep, k, sums);
    } else {
      eight(w0, w1, w2, VECTOR_BYTES, x, xStep, k, sums);
    }
  }

  private static void four(
      long w0, long w1, long w2, long step, long x, long xStep, int k, long sums) {
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
    long end = x + k * xStep;
    while (x < end) {
      FloatVector a0 = FloatVector.fromMemorySegment(FLOATS, ALL, w0, LE);
      FloatVector a1 = FloatVector.fromMemorySegment(FLOATS, ALL, w1, LE);
      FloatVector a2 = FloatVector.fromMemorySegment(FLOATS, ALL, w2, LE);
      FloatVector b = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE);
      c00 = a0.fma(b, c00);
      c10 = a1.fma(b, c10);
      c20 = a2.fma(b, c20);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + VECTOR_BYTES, LE);
      c01 = a0.fma(b, c01);
      c11 = a1.fma(b, c11);
      c21 = a2.fma(b, c21);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 2 * VECTOR_BYTES, LE);
      c02 = a0.fma(b, c02);
      c12 = a1.fma(b, c12);
      c22 = a2.fma(b, c22);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 3 * VECTOR_BYTES, LE);
      c03 = a0.fma(b, c03);
      c13 = a1.fma(b, c13);
      c23 = a2.fma(b, c23);
      w0 += step;
      w1 += step;
      w2 += step;
      x += xStep;
    }
    c00.intoMemorySegment(ALL, sums, LE);
    c01.intoMemorySegment(ALL, sums + VECTOR_BYTES, LE);
    c02.intoMemorySegment(ALL, sums + 2 * VECTOR_BYTES, LE);
    c03.intoMemorySegment(ALL, sums + 3 * VECTOR_BYTES, LE);
    c10.intoMemorySegment(ALL, sums + 4 * VECTOR_BYTES, LE);
    c11.intoMemorySegment(ALL, sums + 5 * VECTOR_BYTES, LE);
    c12.intoMemorySegment(ALL, sums + 6 * VECTOR_BYTES, LE);
    c13.intoMemorySegment(ALL, sums + 7 * VECTOR_BYTES, LE);
    c20.intoMemorySegment(ALL, sums + 8 * VECTOR_BYTES, LE);
    c21.intoMemorySegment(ALL, sums + 9 * VECTOR_BYTES, LE);
    c22.intoMemorySegment(ALL, sums + 10 * VECTOR_BYTES, LE);
    c23.intoMemorySegment(ALL, sums + 11 * VECTOR_BYTES, LE);
  }

  private static void fourBf16(
      long w0, long w1, long w2, long step, long x, long xStep, int k, long sums) {
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
    long end = x + k * xStep;
    while (x < end) {
      FloatVector a0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, w0, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector a1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, w1, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector a2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, w2, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector b = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE);
      c00 = a0.fma(b, c00);
      c10 = a1.fma(b, c10);
      c20 = a2.fma(b, c20);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + VECTOR_BYTES, LE);
      c01 = a0.fma(b, c01);
      c11 = a1.fma(b, c11);
      c21 = a2.fma(b, c21);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 2 * VECTOR_BYTES, LE);
      c02 = a0.fma(b, c02);
      c12 = a1.fma(b, c12);
      c22 = a2.fma(b, c22);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 3 * VECTOR_BYTES, LE);
      c03 = a0.fma(b, c03);
      c13 = a1.fma(b, c13);
      c23 = a2.fma(b, c23);
      w0 += step;
      w1 += step;
      w2 += step;
      x += xStep;
    }
    c00.intoMemorySegment(ALL, sums, LE);
    c01.intoMemorySegment(ALL, sums + VECTOR_BYTES, LE);
    c02.intoMemorySegment(ALL, sums + 2 * VECTOR_BYTES, LE);
    c03.intoMemorySegment(ALL, sums + 3 * VECTOR_BYTES, LE);
    c10.intoMemorySegment(ALL, sums + 4 * VECTOR_BYTES, LE);
    c11.intoMemorySegment(ALL, sums + 5 * VECTOR_BYTES, LE);
    c12.intoMemorySegment(ALL, sums + 6 * VECTOR_BYTES, LE);
    c13.intoMemorySegment(ALL, sums + 7 * VECTOR_BYTES, LE);
    c20.intoMemorySegment(ALL, sums + 8 * VECTOR_BYTES, LE);
    c21.intoMemorySegment(ALL, sums + 9 * VECTOR_BYTES, LE);
    c22.intoMemorySegment(ALL, sums + 10 * VECTOR_BYTES, LE);
    c23.intoMemorySegment(ALL, sums + 11 * VECTOR_BYTES, LE);
  }

  private static void eight(
      long w0, long w1, long w2, long step, long x, long xStep, int k, long sums) {
    FloatVector c00 = FloatVector.zero(FLOATS);
    FloatVector c01 = c00;
    FloatVector c02 = c00;
    FloatVector c03 = c00;
    FloatVector c04 = c00;
    FloatVector c05 = c00;
    FloatVector c06 = c00;
    FloatVector c07 = c00;
    FloatVector c10 = c00;
    FloatVector c11 = c00;
    FloatVector c12 = c00;
    FloatVector c13 = c00;
    FloatVector c14 = c00;
    FloatVector c15 = c00;
    FloatVector c16 = c00;
    FloatVector c17 = c00;
    FloatVector c20 = c00;
    FloatVector c21 = c00;
    FloatVector c22 = c00;
    FloatVector c23 = c00;
    FloatVector c24 = c00;
    FloatVector c25 = c00;
    FloatVector c26 = c00;
    FloatVector c27 = c00;
    long end = x + k * xStep;
    while (x < end) {
      FloatVector a0 = FloatVector.fromMemorySegment(FLOATS, ALL, w0, LE);
      FloatVector a1 = FloatVector.fromMemorySegment(FLOATS, ALL, w1, LE);
      FloatVector a2 = FloatVector.fromMemorySegment(FLOATS, ALL, w2, LE);
      FloatVector b = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE);
      c00 = a0.fma(b, c00);
      c10 = a1.fma(b, c10);
      c20 = a2.fma(b, c20);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + VECTOR_BYTES, LE);
      c01 = a0.fma(b, c01);
      c11 = a1.fma(b, c11);
      c21 = a2.fma(b, c21);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 2 * VECTOR_BYTES, LE);
      c02 = a0.fma(b, c02);
      c12 = a1.fma(b, c12);
      c22 = a2.fma(b, c22);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 3 * VECTOR_BYTES, LE);
      c03 = a0.fma(b, c03);
      c13 = a1.fma(b, c13);
      c23 = a2.fma(b, c23);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 4 * VECTOR_BYTES, LE);
      c04 = a0.fma(b, c04);
      c14 = a1.fma(b, c14);
      c24 = a2.fma(b, c24);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 5 * VECTOR_BYTES, LE);
      c05 = a0.fma(b, c05);
      c15 = a1.fma(b, c15);
      c25 = a2.fma(b, c25);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 6 * VECTOR_BYTES, LE);
      c06 = a0.fma(b, c06);
      c16 = a1.fma(b, c16);
      c26 = a2.fma(b, c26);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 7 * VECTOR_BYTES, LE);
      c07 = a0.fma(b, c07);
      c17 = a1.fma(b, c17);
      c27 = a2.fma(b, c27);
      w0 += step;
      w1 += step;
      w2 += step;
      x += xStep;
    }
    for (int half = 0; ; half++) {
      c00.intoMemorySegment(ALL, sums, LE);
      c01.intoMemorySegment(ALL, sums + VECTOR_BYTES, LE);
      c02.intoMemorySegment(ALL, sums + 2 * VECTOR_BYTES, LE);
      c03.intoMemorySegment(ALL, sums + 3 * VECTOR_BYTES, LE);
      c10.intoMemorySegment(ALL, sums + 8 * VECTOR_BYTES, LE);
      c11.intoMemorySegment(ALL, sums + 9 * VECTOR_BYTES, LE);
      c12.intoMemorySegment(ALL, sums + 10 * VECTOR_BYTES, LE);
      c13.intoMemorySegment(ALL, sums + 11 * VECTOR_BYTES, LE);
      c20.intoMemorySegment(ALL, sums + 16 * VECTOR_BYTES, LE);
      c21.intoMemorySegment(ALL, sums + 17 * VECTOR_BYTES, LE);
      c22.intoMemorySegment(ALL, sums + 18 * VECTOR_BYTES, LE);
      c23.intoMemorySegment(ALL, sums + 19 * VECTOR_BYTES, LE);
      if (half == 1) {
        return;
      }
      sums += 4 * VECTOR_BYTES;
      c00 = c04;
      c01 = c05;
      c02 = c06;
      c03 = c07;
      c10 = c14;
      c11 = c15;
      c12 = c16;
      c13 = c17;
      c20 = c24;
      c21 = c25;
      c22 = c26;
      c23 = c27;
    }
  }

  private static void eightBf16(
      long w0, long w1, long w2, long step, long x, long xStep, int k, long sums) {
    FloatVector c00 = FloatVector.zero(FLOATS);
    FloatVector c01 = c00;
    FloatVector c02 = c00;
    FloatVector c03 = c00;
    FloatVector c04 = c00;
    FloatVector c05 = c00;
    FloatVector c06 = c00;
    FloatVector c07 = c00;
    FloatVector c10 = c00;
    FloatVector c11 = c00;
    FloatVector c12 = c00;
    FloatVector c13 = c00;
    FloatVector c14 = c00;
    FloatVector c15 = c00;
    FloatVector c16 = c00;
    FloatVector c17 = c00;
    FloatVector c20 = c00;
    FloatVector c21 = c00;
    FloatVector c22 = c00;
    FloatVector c23 = c00;
    FloatVector c24 = c00;
    FloatVector c25 = c00;
    FloatVector c26 = c00;
    FloatVector c27 = c00;
    long end = x + k * xStep;
    while (x < end) {
      FloatVector a0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, w0, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector a1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, w1, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector a2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, w2, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats();
      FloatVector b = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE);
      c00 = a0.fma(b, c00);
      c10 = a1.fma(b, c10);
      c20 = a2.fma(b, c20);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + VECTOR_BYTES, LE);
      c01 = a0.fma(b, c01);
      c11 = a1.fma(b, c11);
      c21 = a2.fma(b, c21);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 2 * VECTOR_BYTES, LE);
      c02 = a0.fma(b, c02);
      c12 = a1.fma(b, c12);
      c22 = a2.fma(b, c22);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 3 * VECTOR_BYTES, LE);
      c03 = a0.fma(b, c03);
      c13 = a1.fma(b, c13);
      c23 = a2.fma(b, c23);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 4 * VECTOR_BYTES, LE);
      c04 = a0.fma(b, c04);
      c14 = a1.fma(b, c14);
      c24 = a2.fma(b, c24);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 5 * VECTOR_BYTES, LE);
      c05 = a0.fma(b, c05);
      c15 = a1.fma(b, c15);
      c25 = a2.fma(b, c25);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 6 * VECTOR_BYTES, LE);
      c06 = a0.fma(b, c06);
      c16 = a1.fma(b, c16);
      c26 = a2.fma(b, c26);
      b = FloatVector.fromMemorySegment(FLOATS, ALL, x + 7 * VECTOR_BYTES, LE);
      c07 = a0.fma(b, c07);
      c17 = a1.fma(b, c17);
      c27 = a2.fma(b, c27);
      w0 += step;
      w1 += step;
      w2 += step;
      x += xStep;
    }
    for (int half = 0; ; half++) {
      c00.intoMemorySegment(ALL, sums, LE);
      c01.intoMemorySegment(ALL, sums + VECTOR_BYTES, LE);
      c02.intoMemorySegment(ALL, sums + 2 * VECTOR_BYTES, LE);
      c03.intoMemorySegment(ALL, sums + 3 * VECTOR_BYTES, LE);
      c10.intoMemorySegment(ALL, sums + 8 * VECTOR_BYTES, LE);
      c11.intoMemorySegment(ALL, sums + 9 * VECTOR_BYTES, LE);
      c12.intoMemorySegment(ALL, sums + 10 * VECTOR_BYTES, LE);
      c13.intoMemorySegment(ALL, sums + 11 * VECTOR_BYTES, LE);
      c20.intoMemorySegment(ALL, sums + 16 * VECTOR_BYTES, LE);
      c21.intoMemorySegment(ALL, sums + 17 * VECTOR_BYTES, LE);
      c22.intoMemorySegment(ALL, sums + 18 * VECTOR_BYTES, LE);
      c23.intoMemorySegment(ALL, sums + 19 * VECTOR_BYTES, LE);
      if (half == 1) {
        return;
      }
      sums += 4 * VECTOR_BYTES;
      c00 = c04;
      c01 = c05;
      c02 = c06;
      c03 = c07;
      c10 = c14;
      c11 = c15;
      c12 = c16;
      c13 = c17;
      c20 = c24;
      c21 = c25;
      c22 = c26;
      c23 = c27;
    }
  }
}
