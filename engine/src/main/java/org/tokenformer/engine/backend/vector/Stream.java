package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.HALF_SHORTS;
import static org.tokenformer.engine.backend.vector.Simd.INTS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * One token against many weights: every weight is read once, in the order in which the file has
 * them, so memory bandwidth is the limit. Nothing is packed.
 *
 * <p>BF16 is widened by a shift, written out at each place: as a method of its own it was boxed.
 */
final class Stream {
  /** Rows that {@link #dots} takes at once, so that x is loaded once for all of them. */
  private static final int ROWS = 4;

  private Stream() {}

  /**
   * scores[i] = A[i]·x for m rows of A.
   *
   * @param a row-major, {@code stride} bytes apart
   * @param x k floats
   * @param sums scratch of four vectors
   */
  static void dots(
      long a, long stride, boolean bf16, int m, int k, long x, long scores, long sums) {
    int i = 0;
    for (; i <= m - ROWS; i += ROWS) {
      if (bf16) {
        fourDotsBf16(a, stride, k, x, scores, sums);
      } else {
        fourDots(a, stride, k, x, scores, sums);
      }
      a += ROWS * stride;
      scores += ROWS * Float.BYTES;
    }
    for (; i < m; i++) {
      // The same code with four times the same row: the same order of the sum, so the same bits.
      if (bf16) {
        fourDotsBf16(a, 0, k, x, sums + ROWS * VECTOR_BYTES, sums);
      } else {
        fourDots(a, 0, k, x, sums + ROWS * VECTOR_BYTES, sums);
      }
      Simd.set(scores, Simd.get(sums + ROWS * VECTOR_BYTES));
      a += stride;
      scores += Float.BYTES;
    }
  }

  private static void fourDots(long a, long stride, int k, long x, long scores, long sums) {
    long a1 = a + stride;
    long a2 = a1 + stride;
    long a3 = a2 + stride;
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    FloatVector t0 = s0;
    FloatVector t1 = s0;
    FloatVector t2 = s0;
    FloatVector t3 = s0;
    int p = 0;
    for (; p <= k - 2 * LANES; p += 2 * LANES) {
      long o = 4L * p;
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x + o, LE);
      FloatVector w = FloatVector.fromMemorySegment(FLOATS, ALL, x + o + VECTOR_BYTES, LE);
      s0 = FloatVector.fromMemorySegment(FLOATS, ALL, a + o, LE).fma(v, s0);
      t0 = FloatVector.fromMemorySegment(FLOATS, ALL, a + o + VECTOR_BYTES, LE).fma(w, t0);
      s1 = FloatVector.fromMemorySegment(FLOATS, ALL, a1 + o, LE).fma(v, s1);
      t1 = FloatVector.fromMemorySegment(FLOATS, ALL, a1 + o + VECTOR_BYTES, LE).fma(w, t1);
      s2 = FloatVector.fromMemorySegment(FLOATS, ALL, a2 + o, LE).fma(v, s2);
      t2 = FloatVector.fromMemorySegment(FLOATS, ALL, a2 + o + VECTOR_BYTES, LE).fma(w, t2);
      s3 = FloatVector.fromMemorySegment(FLOATS, ALL, a3 + o, LE).fma(v, s3);
      t3 = FloatVector.fromMemorySegment(FLOATS, ALL, a3 + o + VECTOR_BYTES, LE).fma(w, t3);
    }
    s0.add(t0).intoMemorySegment(ALL, sums, LE);
    s1.add(t1).intoMemorySegment(ALL, sums + VECTOR_BYTES, LE);
    s2.add(t2).intoMemorySegment(ALL, sums + 2 * VECTOR_BYTES, LE);
    s3.add(t3).intoMemorySegment(ALL, sums + 3 * VECTOR_BYTES, LE);
    for (int r = 0; r < ROWS; r++) {
      float sum = sum(sums + r * VECTOR_BYTES);
      long row = a + r * stride;
      for (int q = p; q < k; q++) {
        sum = Math.fma(Simd.get(row + 4L * q), Simd.get(x + 4L * q), sum);
      }
      Simd.set(scores + 4L * r, sum);
    }
  }

  private static void fourDotsBf16(long a, long stride, int k, long x, long scores, long sums) {
    long a1 = a + stride;
    long a2 = a1 + stride;
    long a3 = a2 + stride;
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int p = 0;
    for (; p <= k - LANES; p += LANES) {
      long o = 2L * p;
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x + 4L * p, LE);
      s0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(v, s0);
      s1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a1 + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(v, s1);
      s2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a2 + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(v, s2);
      s3 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a3 + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(v, s3);
    }
    s0.intoMemorySegment(ALL, sums, LE);
    s1.intoMemorySegment(ALL, sums + VECTOR_BYTES, LE);
    s2.intoMemorySegment(ALL, sums + 2 * VECTOR_BYTES, LE);
    s3.intoMemorySegment(ALL, sums + 3 * VECTOR_BYTES, LE);
    for (int r = 0; r < ROWS; r++) {
      float sum = sum(sums + r * VECTOR_BYTES);
      long row = a + r * stride;
      for (int q = p; q < k; q++) {
        sum = Math.fma(Simd.getBf16(row + 2L * q), Simd.get(x + 4L * q), sum);
      }
      Simd.set(scores + 4L * r, sum);
    }
  }

  /** The lanes of a stored vector, added in a fixed order; {@code reduceLanes} has none. */
  static float sum(long vector) {
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) {
      sum += Simd.get(vector + 4L * lane);
    }
    return sum;
  }

  /**
   * y ← y + Σₚ θ[p]·A[p] over k rows of A, for some of the columns: a chain of fused multiply-adds
   * in the order of p for each column.
   *
   * @param a first column wanted of the first row, rows {@code stride} bytes apart
   * @param theta k floats
   * @param y as many floats as columns
   */
  static void weightedSum(
      long a, long stride, boolean bf16, int k, long theta, int columns, long y) {
    int p = 0;
    for (; p <= k - 8; p += 8) {
      if (bf16) {
        eightRowsBf16(a + p * stride, stride, theta + 4L * p, columns, y);
      } else {
        eightRows(a + p * stride, stride, theta + 4L * p, columns, y);
      }
    }
    for (; p < k; p++) {
      oneRow(a + p * stride, bf16, Simd.get(theta + 4L * p), columns, y);
    }
  }

  private static void eightRows(long a0, long stride, long theta, int columns, long y) {
    long a1 = a0 + stride;
    long a2 = a1 + stride;
    long a3 = a2 + stride;
    long a4 = a3 + stride;
    long a5 = a4 + stride;
    long a6 = a5 + stride;
    long a7 = a6 + stride;
    FloatVector t0 = FloatVector.broadcast(FLOATS, Simd.get(theta));
    FloatVector t1 = FloatVector.broadcast(FLOATS, Simd.get(theta + 4));
    FloatVector t2 = FloatVector.broadcast(FLOATS, Simd.get(theta + 8));
    FloatVector t3 = FloatVector.broadcast(FLOATS, Simd.get(theta + 12));
    FloatVector t4 = FloatVector.broadcast(FLOATS, Simd.get(theta + 16));
    FloatVector t5 = FloatVector.broadcast(FLOATS, Simd.get(theta + 20));
    FloatVector t6 = FloatVector.broadcast(FLOATS, Simd.get(theta + 24));
    FloatVector t7 = FloatVector.broadcast(FLOATS, Simd.get(theta + 28));
    int c = 0;
    for (; c <= columns - LANES; c += LANES) {
      long o = 4L * c;
      FloatVector sum = FloatVector.fromMemorySegment(FLOATS, ALL, y + o, LE);
      sum = FloatVector.fromMemorySegment(FLOATS, ALL, a0 + o, LE).fma(t0, sum);
      sum = FloatVector.fromMemorySegment(FLOATS, ALL, a1 + o, LE).fma(t1, sum);
      sum = FloatVector.fromMemorySegment(FLOATS, ALL, a2 + o, LE).fma(t2, sum);
      sum = FloatVector.fromMemorySegment(FLOATS, ALL, a3 + o, LE).fma(t3, sum);
      sum = FloatVector.fromMemorySegment(FLOATS, ALL, a4 + o, LE).fma(t4, sum);
      sum = FloatVector.fromMemorySegment(FLOATS, ALL, a5 + o, LE).fma(t5, sum);
      sum = FloatVector.fromMemorySegment(FLOATS, ALL, a6 + o, LE).fma(t6, sum);
      sum = FloatVector.fromMemorySegment(FLOATS, ALL, a7 + o, LE).fma(t7, sum);
      sum.intoMemorySegment(ALL, y + o, LE);
    }
    for (int r = 0; r < 8; r++) {
      scalarTail(a0 + r * stride, false, Simd.get(theta + 4L * r), c, columns, y);
    }
  }

  private static void eightRowsBf16(long a0, long stride, long theta, int columns, long y) {
    long a1 = a0 + stride;
    long a2 = a1 + stride;
    long a3 = a2 + stride;
    long a4 = a3 + stride;
    long a5 = a4 + stride;
    long a6 = a5 + stride;
    long a7 = a6 + stride;
    FloatVector t0 = FloatVector.broadcast(FLOATS, Simd.get(theta));
    FloatVector t1 = FloatVector.broadcast(FLOATS, Simd.get(theta + 4));
    FloatVector t2 = FloatVector.broadcast(FLOATS, Simd.get(theta + 8));
    FloatVector t3 = FloatVector.broadcast(FLOATS, Simd.get(theta + 12));
    FloatVector t4 = FloatVector.broadcast(FLOATS, Simd.get(theta + 16));
    FloatVector t5 = FloatVector.broadcast(FLOATS, Simd.get(theta + 20));
    FloatVector t6 = FloatVector.broadcast(FLOATS, Simd.get(theta + 24));
    FloatVector t7 = FloatVector.broadcast(FLOATS, Simd.get(theta + 28));
    int c = 0;
    for (; c <= columns - LANES; c += LANES) {
      long o = 2L * c;
      FloatVector sum = FloatVector.fromMemorySegment(FLOATS, ALL, y + 4L * c, LE);
      sum =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a0 + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(t0, sum);
      sum =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a1 + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(t1, sum);
      sum =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a2 + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(t2, sum);
      sum =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a3 + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(t3, sum);
      sum =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a4 + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(t4, sum);
      sum =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a5 + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(t5, sum);
      sum =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a6 + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(t6, sum);
      sum =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a7 + o, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(t7, sum);
      sum.intoMemorySegment(ALL, y + 4L * c, LE);
    }
    for (int r = 0; r < 8; r++) {
      scalarTail(a0 + r * stride, true, Simd.get(theta + 4L * r), c, columns, y);
    }
  }

  private static void oneRow(long a, boolean bf16, float theta, int columns, long y) {
    FloatVector t = FloatVector.broadcast(FLOATS, theta);
    int c = 0;
    if (bf16) {
      for (; c <= columns - LANES; c += LANES) {
        FloatVector sum = FloatVector.fromMemorySegment(FLOATS, ALL, y + 4L * c, LE);
        ((IntVector)
                ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + 2L * c, LE)
                    .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
            .lanewise(VectorOperators.LSHL, 16)
            .reinterpretAsFloats()
            .fma(t, sum)
            .intoMemorySegment(ALL, y + 4L * c, LE);
      }
    } else {
      for (; c <= columns - LANES; c += LANES) {
        FloatVector sum = FloatVector.fromMemorySegment(FLOATS, ALL, y + 4L * c, LE);
        FloatVector row = FloatVector.fromMemorySegment(FLOATS, ALL, a + 4L * c, LE);
        row.fma(t, sum).intoMemorySegment(ALL, y + 4L * c, LE);
      }
    }
    scalarTail(a, bf16, theta, c, columns, y);
  }

  private static void scalarTail(long a, boolean bf16, float theta, int c, int columns, long y) {
    for (; c < columns; c++) {
      float weight = bf16 ? Simd.getBf16(a + 2L * c) : Simd.get(a + 4L * c);
      Simd.set(y + 4L * c, Math.fma(weight, theta, Simd.get(y + 4L * c)));
    }
  }
}
