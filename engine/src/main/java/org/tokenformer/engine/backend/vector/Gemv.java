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
 * Multiplies one token by many weights. Every weight is read once, in the order of the file, so
 * memory bandwidth is the limit. Nothing is packed.
 *
 * <p>Rows are read one after another, since the processors' prefetchers follow a single stream of
 * addresses best: four rows side by side reached two thirds of the bandwidth. BF16 is widened by a
 * shift that is written out at each use: as a method of its own, it was boxed. The address steps
 * are parameters for the reason given in {@link Tile}.
 */
final class Gemv {
  /**
   * Rows whose sums are kept as vectors before their lanes are added, for all these rows together.
   */
  static final int ROWS = 16;

  /** Bytes of scratch that {@link #dots} needs. */
  static final long SCRATCH_BYTES = ROWS * VECTOR_BYTES;

  /** Elements of a row per step: eight chains hide the latency of the multiply-add. */
  private static final int UNROLLED = 8 * LANES;

  private static final long HALF_BYTES = VECTOR_BYTES / 2;

  private Gemv() {}

  /**
   * Computes scores[i] = A[i]·x for m rows of A.
   *
   * @param a row-major, {@code stride} bytes apart
   * @param x k floats
   * @param sums scratch of {@link #SCRATCH_BYTES}
   */
  static void dots(
      long a, long stride, boolean bf16, int m, int k, long x, long scores, long sums) {
    int elementBytes = bf16 ? Short.BYTES : Float.BYTES;
    int whole = k / LANES * LANES;
    for (int i = 0; i < m; i += ROWS) {
      int rows = Math.min(ROWS, m - i);
      for (int r = 0; r < rows; r++) {
        long row = a + (i + r) * stride;
        if (bf16) {
          dotBf16(row, 8 * HALF_BYTES, x, 8 * VECTOR_BYTES, k, sums + r * VECTOR_BYTES);
        } else {
          dot(row, 8 * VECTOR_BYTES, x, 8 * VECTOR_BYTES, k, sums + r * VECTOR_BYTES);
        }
      }
      for (int r = 0; r < rows; r++) {
        float sum = (float) sum(sums + r * VECTOR_BYTES);
        long row = a + (i + r) * stride;
        for (int p = whole; p < k; p++) {
          long address = row + (long) p * elementBytes;
          float weight = bf16 ? Simd.getBf16(address) : Simd.get(address);
          sum = Math.fma(weight, Simd.get(x + 4L * p), sum);
        }
        Simd.set(scores + 4L * (i + r), sum);
      }
    }
  }

  private static void dot(long a, long step, long x, long xStep, int k, long sum) {
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    FloatVector s4 = s0;
    FloatVector s5 = s0;
    FloatVector s6 = s0;
    FloatVector s7 = s0;
    int p = 0;
    for (; p <= k - UNROLLED; p += UNROLLED) {
      s0 =
          FloatVector.fromMemorySegment(FLOATS, ALL, a, LE)
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x, LE), s0);
      s1 =
          FloatVector.fromMemorySegment(FLOATS, ALL, a + VECTOR_BYTES, LE)
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + VECTOR_BYTES, LE), s1);
      s2 =
          FloatVector.fromMemorySegment(FLOATS, ALL, a + 2 * VECTOR_BYTES, LE)
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 2 * VECTOR_BYTES, LE), s2);
      s3 =
          FloatVector.fromMemorySegment(FLOATS, ALL, a + 3 * VECTOR_BYTES, LE)
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 3 * VECTOR_BYTES, LE), s3);
      s4 =
          FloatVector.fromMemorySegment(FLOATS, ALL, a + 4 * VECTOR_BYTES, LE)
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 4 * VECTOR_BYTES, LE), s4);
      s5 =
          FloatVector.fromMemorySegment(FLOATS, ALL, a + 5 * VECTOR_BYTES, LE)
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 5 * VECTOR_BYTES, LE), s5);
      s6 =
          FloatVector.fromMemorySegment(FLOATS, ALL, a + 6 * VECTOR_BYTES, LE)
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 6 * VECTOR_BYTES, LE), s6);
      s7 =
          FloatVector.fromMemorySegment(FLOATS, ALL, a + 7 * VECTOR_BYTES, LE)
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 7 * VECTOR_BYTES, LE), s7);
      a += step;
      x += xStep;
    }
    for (; p <= k - LANES; p += LANES) {
      s0 =
          FloatVector.fromMemorySegment(FLOATS, ALL, a, LE)
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x, LE), s0);
      a += VECTOR_BYTES;
      x += VECTOR_BYTES;
    }
    s0 = s0.add(s1).add(s2.add(s3));
    s4 = s4.add(s5).add(s6.add(s7));
    s0.add(s4).intoMemorySegment(ALL, sum, LE);
  }

  private static void dotBf16(long a, long step, long x, long xStep, int k, long sum) {
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    FloatVector s4 = s0;
    FloatVector s5 = s0;
    FloatVector s6 = s0;
    FloatVector s7 = s0;
    int p = 0;
    for (; p <= k - UNROLLED; p += UNROLLED) {
      s0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x, LE), s0);
      s1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + HALF_BYTES, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + VECTOR_BYTES, LE), s1);
      s2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + 2 * HALF_BYTES, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 2 * VECTOR_BYTES, LE), s2);
      s3 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + 3 * HALF_BYTES, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 3 * VECTOR_BYTES, LE), s3);
      s4 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + 4 * HALF_BYTES, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 4 * VECTOR_BYTES, LE), s4);
      s5 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + 5 * HALF_BYTES, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 5 * VECTOR_BYTES, LE), s5);
      s6 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + 6 * HALF_BYTES, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 6 * VECTOR_BYTES, LE), s6);
      s7 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + 7 * HALF_BYTES, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 7 * VECTOR_BYTES, LE), s7);
      a += step;
      x += xStep;
    }
    for (; p <= k - LANES; p += LANES) {
      s0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a, LE)
                      .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x, LE), s0);
      a += HALF_BYTES;
      x += VECTOR_BYTES;
    }
    s0 = s0.add(s1).add(s2.add(s3));
    s4 = s4.add(s5).add(s6.add(s7));
    s0.add(s4).intoMemorySegment(ALL, sum, LE);
  }

  /**
   * Returns the sum of the lanes of a stored vector, added in a fixed order; {@code reduceLanes}
   * guarantees none.
   */
  static double sum(long vector) {
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++) {
      sum += Simd.get(vector + 4L * lane);
    }
    return sum;
  }

  /**
   * Computes y ← y + Σₚ θ[p]·A[p] over k rows of A; for each column this is one chain of fused
   * multiply-adds in the order of p.
   *
   * @param a row-major, {@code stride} bytes apart
   * @param theta k floats
   * @param y one float per column
   */
  static void weightedSum(
      long a, long stride, boolean bf16, int k, long theta, int columns, long y) {
    for (int p = 0; p < k; p++) {
      float weight = Simd.get(theta + 4L * p);
      if (bf16) {
        addRowBf16(a + p * stride, 4 * HALF_BYTES, weight, columns, y, 4 * VECTOR_BYTES);
      } else {
        addRow(a + p * stride, 4 * VECTOR_BYTES, weight, columns, y, 4 * VECTOR_BYTES);
      }
    }
  }

  private static void addRow(long a, long step, float theta, int columns, long y, long yStep) {
    FloatVector t = FloatVector.broadcast(FLOATS, theta);
    int c = 0;
    for (; c <= columns - 4 * LANES; c += 4 * LANES) {
      FloatVector y0 = FloatVector.fromMemorySegment(FLOATS, ALL, y, LE);
      FloatVector y1 = FloatVector.fromMemorySegment(FLOATS, ALL, y + VECTOR_BYTES, LE);
      FloatVector y2 = FloatVector.fromMemorySegment(FLOATS, ALL, y + 2 * VECTOR_BYTES, LE);
      FloatVector y3 = FloatVector.fromMemorySegment(FLOATS, ALL, y + 3 * VECTOR_BYTES, LE);
      FloatVector.fromMemorySegment(FLOATS, ALL, a, LE).fma(t, y0).intoMemorySegment(ALL, y, LE);
      FloatVector.fromMemorySegment(FLOATS, ALL, a + VECTOR_BYTES, LE)
          .fma(t, y1)
          .intoMemorySegment(ALL, y + VECTOR_BYTES, LE);
      FloatVector.fromMemorySegment(FLOATS, ALL, a + 2 * VECTOR_BYTES, LE)
          .fma(t, y2)
          .intoMemorySegment(ALL, y + 2 * VECTOR_BYTES, LE);
      FloatVector.fromMemorySegment(FLOATS, ALL, a + 3 * VECTOR_BYTES, LE)
          .fma(t, y3)
          .intoMemorySegment(ALL, y + 3 * VECTOR_BYTES, LE);
      a += step;
      y += yStep;
    }
    for (; c <= columns - LANES; c += LANES) {
      FloatVector y0 = FloatVector.fromMemorySegment(FLOATS, ALL, y, LE);
      FloatVector.fromMemorySegment(FLOATS, ALL, a, LE).fma(t, y0).intoMemorySegment(ALL, y, LE);
      a += VECTOR_BYTES;
      y += VECTOR_BYTES;
    }
    for (; c < columns; c++) {
      Simd.set(y, Math.fma(Simd.get(a), theta, Simd.get(y)));
      a += 4;
      y += 4;
    }
  }

  private static void addRowBf16(long a, long step, float theta, int columns, long y, long yStep) {
    FloatVector t = FloatVector.broadcast(FLOATS, theta);
    int c = 0;
    for (; c <= columns - 4 * LANES; c += 4 * LANES) {
      FloatVector y0 = FloatVector.fromMemorySegment(FLOATS, ALL, y, LE);
      FloatVector y1 = FloatVector.fromMemorySegment(FLOATS, ALL, y + VECTOR_BYTES, LE);
      FloatVector y2 = FloatVector.fromMemorySegment(FLOATS, ALL, y + 2 * VECTOR_BYTES, LE);
      FloatVector y3 = FloatVector.fromMemorySegment(FLOATS, ALL, y + 3 * VECTOR_BYTES, LE);
      ((IntVector)
              ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a, LE)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .fma(t, y0)
          .intoMemorySegment(ALL, y, LE);
      ((IntVector)
              ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + HALF_BYTES, LE)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .fma(t, y1)
          .intoMemorySegment(ALL, y + VECTOR_BYTES, LE);
      ((IntVector)
              ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + 2 * HALF_BYTES, LE)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .fma(t, y2)
          .intoMemorySegment(ALL, y + 2 * VECTOR_BYTES, LE);
      ((IntVector)
              ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a + 3 * HALF_BYTES, LE)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .fma(t, y3)
          .intoMemorySegment(ALL, y + 3 * VECTOR_BYTES, LE);
      a += step;
      y += yStep;
    }
    for (; c <= columns - LANES; c += LANES) {
      FloatVector y0 = FloatVector.fromMemorySegment(FLOATS, ALL, y, LE);
      ((IntVector)
              ShortVector.fromMemorySegment(HALF_SHORTS, ALL, a, LE)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .fma(t, y0)
          .intoMemorySegment(ALL, y, LE);
      a += HALF_BYTES;
      y += VECTOR_BYTES;
    }
    for (; c < columns; c++) {
      Simd.set(y, Math.fma(Simd.getBf16(a), theta, Simd.get(y)));
      a += 2;
      y += 4;
    }
  }
}
