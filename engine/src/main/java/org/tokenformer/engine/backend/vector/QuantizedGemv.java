package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.BYTES;
import static org.tokenformer.engine.backend.vector.Simd.BYTES_READ;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.INTS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;
import static org.tokenformer.engine.tensor.Quantized.BLOCK_BYTES;
import static org.tokenformer.engine.tensor.Quantized.BLOCK_INTS;
import static org.tokenformer.engine.tensor.Quantized.GROUP;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.tokenformer.engine.tensor.DType;

/**
 * {@link Gemv} for quantised weights: multiplies one token by rows in the layout of {@link
 * org.tokenformer.engine.tensor.Quantized}. The integers of a group are summed as floats, and the
 * sum is scaled once.
 */
final class QuantizedGemv {
  /** Bytes of x or y from one nibble of an int to the next. */
  private static final long NIBBLE = BLOCK_INTS * (long) Float.BYTES;

  /** Bytes of x or y per group. */
  private static final long GROUP_FLOATS = GROUP * (long) Float.BYTES;

  /**
   * Rows that are prefetched in the order of memory before they are summed two at a time, an access
   * pattern that the processor's prefetchers do not follow.
   */
  private static final int PREFETCHED_ROWS = 32;

  private QuantizedGemv() {}

  /**
   * Computes scores[i] = A[i]·x for m rows of A.
   *
   * @param type I8 or I4
   * @param a {@code stride} bytes from row to row
   * @param scales {@code scaleStride} bytes from row to row
   * @param x k floats
   * @param sums scratch of {@link Gemv#SCRATCH_BYTES}
   */
  static void dots(
      DType type,
      long a,
      long stride,
      long scales,
      long scaleStride,
      int m,
      int k,
      long x,
      long scores,
      long sums) {
    boolean bytes = type == DType.I8;
    int whole = whole(bytes, k);
    for (int i = 0; i < m; i += Gemv.ROWS) {
      int rows = Math.min(Gemv.ROWS, m - i);
      for (int r = 0; r < rows; r++) {
        long row = a + (i + r) * stride;
        long scale = scales + (i + r) * scaleStride;
        long sum = sums + r * VECTOR_BYTES;
        if (bytes) {
          dotI8(row, 4L * LANES, scale, x, 4 * VECTOR_BYTES, whole, sum);
        } else {
          dotI4(row, scale, x, GROUP_FLOATS, whole, sum);
        }
      }
      for (int r = 0; r < rows; r++) {
        float sum = (float) Gemv.sum(sums + r * VECTOR_BYTES);
        long row = a + (i + r) * stride;
        long scale = scales + (i + r) * scaleStride;
        for (int p = whole; p < k; p++) {
          sum = Math.fma(get(bytes, row, scale, p), Simd.get(x + 4L * p), sum);
        }
        Simd.set(scores + 4L * (i + r), sum);
      }
    }
  }

  /**
   * Returns the number of weights of a row that are read as vectors; the others are read one by
   * one.
   */
  private static int whole(boolean bytes, int k) {
    if (!bytes) {
      return k / BLOCK_INTS * BLOCK_INTS;
    }
    return k < BYTES_READ ? 0 : (k - BYTES_READ) / LANES * LANES + LANES;
  }

  private static float get(boolean bytes, long row, long scales, int p) {
    int integer =
        bytes ? Simd.getByte(row + p) : Widening.nibble(row + p / GROUP * BLOCK_BYTES, p % GROUP);
    return integer * Simd.get(scales + 4L * (p / GROUP));
  }

  private static void dotI8(long a, long step, long scales, long x, long xStep, int k, long sum) {
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = s0;
    int p = 0;
    for (; p <= k - GROUP; p += GROUP) {
      FloatVector g0 = FloatVector.zero(FLOATS);
      FloatVector g1 = g0;
      FloatVector g2 = g0;
      FloatVector g3 = g0;
      for (int i = 0; i < GROUP; i += 4 * LANES) {
        g0 =
            ((FloatVector)
                    ByteVector.fromMemorySegment(BYTES, ALL, a, LE)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x, LE), g0);
        g1 =
            ((FloatVector)
                    ByteVector.fromMemorySegment(BYTES, ALL, a + LANES, LE)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + VECTOR_BYTES, LE), g1);
        g2 =
            ((FloatVector)
                    ByteVector.fromMemorySegment(BYTES, ALL, a + 2L * LANES, LE)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 2 * VECTOR_BYTES, LE), g2);
        g3 =
            ((FloatVector)
                    ByteVector.fromMemorySegment(BYTES, ALL, a + 3L * LANES, LE)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x + 3 * VECTOR_BYTES, LE), g3);
        a += step;
        x += xStep;
      }
      FloatVector scale = FloatVector.broadcast(FLOATS, Simd.get(scales));
      s0 = g0.add(g1).fma(scale, s0);
      s1 = g2.add(g3).fma(scale, s1);
      scales += Float.BYTES;
    }
    if (p < k) {
      FloatVector g0 = FloatVector.zero(FLOATS);
      for (; p < k; p += LANES) {
        g0 =
            ((FloatVector)
                    ByteVector.fromMemorySegment(BYTES, ALL, a, LE)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, x, LE), g0);
        a += LANES;
        x += VECTOR_BYTES;
      }
      s0 = g0.fma(FloatVector.broadcast(FLOATS, Simd.get(scales)), s0);
    }
    s0.add(s1).intoMemorySegment(ALL, sum, LE);
  }

  private static void dotI4(long a, long scales, long x, long step, int k, long sum) {
    FloatVector s0 = FloatVector.zero(FLOATS);
    int p = 0;
    for (; p <= k - GROUP; p += GROUP) {
      FloatVector g0 = FloatVector.zero(FLOATS);
      FloatVector g1 = g0;
      for (int lane = 0; lane < BLOCK_INTS; lane += LANES) {
        IntVector ints = IntVector.fromMemorySegment(INTS, ALL, a + 4L * lane, LE);
        long from = x + 4L * lane;
        g0 =
            ((FloatVector)
                    ints.lanewise(VectorOperators.LSHL, 28)
                        .lanewise(VectorOperators.ASHR, 28)
                        .convertShape(VectorOperators.I2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, from, LE), g0);
        g1 =
            ((FloatVector)
                    ints.lanewise(VectorOperators.LSHL, 24)
                        .lanewise(VectorOperators.ASHR, 28)
                        .convertShape(VectorOperators.I2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, from + NIBBLE, LE), g1);
        g0 =
            ((FloatVector)
                    ints.lanewise(VectorOperators.LSHL, 20)
                        .lanewise(VectorOperators.ASHR, 28)
                        .convertShape(VectorOperators.I2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, from + 2 * NIBBLE, LE), g0);
        g1 =
            ((FloatVector)
                    ints.lanewise(VectorOperators.LSHL, 16)
                        .lanewise(VectorOperators.ASHR, 28)
                        .convertShape(VectorOperators.I2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, from + 3 * NIBBLE, LE), g1);
        g0 =
            ((FloatVector)
                    ints.lanewise(VectorOperators.LSHL, 12)
                        .lanewise(VectorOperators.ASHR, 28)
                        .convertShape(VectorOperators.I2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, from + 4 * NIBBLE, LE), g0);
        g1 =
            ((FloatVector)
                    ints.lanewise(VectorOperators.LSHL, 8)
                        .lanewise(VectorOperators.ASHR, 28)
                        .convertShape(VectorOperators.I2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, from + 5 * NIBBLE, LE), g1);
        g0 =
            ((FloatVector)
                    ints.lanewise(VectorOperators.LSHL, 4)
                        .lanewise(VectorOperators.ASHR, 28)
                        .convertShape(VectorOperators.I2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, from + 6 * NIBBLE, LE), g0);
        g1 =
            ((FloatVector)
                    ints.lanewise(VectorOperators.ASHR, 28)
                        .convertShape(VectorOperators.I2F, FLOATS, 0))
                .fma(FloatVector.fromMemorySegment(FLOATS, ALL, from + 7 * NIBBLE, LE), g1);
      }
      s0 = g0.add(g1).fma(FloatVector.broadcast(FLOATS, Simd.get(scales)), s0);
      scales += Float.BYTES;
      a += BLOCK_BYTES;
      x += step;
    }
    if (p < k) {
      FloatVector g0 = FloatVector.zero(FLOATS);
      for (int shift = 28; p < k; p += BLOCK_INTS) {
        for (int lane = 0; lane < BLOCK_INTS; lane += LANES) {
          IntVector ints = IntVector.fromMemorySegment(INTS, ALL, a + 4L * lane, LE);
          FloatVector from = FloatVector.fromMemorySegment(FLOATS, ALL, x + 4L * lane, LE);
          g0 =
              ((FloatVector)
                      ints.lanewise(VectorOperators.LSHL, shift)
                          .lanewise(VectorOperators.ASHR, 28)
                          .convertShape(VectorOperators.I2F, FLOATS, 0))
                  .fma(from, g0);
        }
        shift -= 4;
        x += NIBBLE;
      }
      s0 = g0.fma(FloatVector.broadcast(FLOATS, Simd.get(scales)), s0);
    }
    s0.intoMemorySegment(ALL, sum, LE);
  }

  /**
   * Computes y ← y + Σₚ θ[p]·A[p] over k rows of A, in the order of p for each column.
   *
   * @param type I8 or I4
   * @param a {@code stride} bytes from row to row
   * @param scales {@code scaleStride} bytes from row to row
   * @param theta k floats
   * @param y one float per column
   * @param scratch memory of one int
   */
  static void weightedSum(
      DType type,
      long a,
      long stride,
      long scales,
      long scaleStride,
      int k,
      long theta,
      int columns,
      long y,
      long scratch) {
    boolean bytes = type == DType.I8;
    int whole = whole(bytes, columns);
    int prefetched = 0;
    for (int p = 0; p < k; p += 2) {
      // Two rows each time y is read and written; an odd last row is paired with itself times 0.
      boolean pair = p + 1 < k;
      float weight = Simd.get(theta + 4L * p);
      float weight2 = pair ? Simd.get(theta + 4L * (p + 1)) : 0;
      long row = a + p * stride;
      long row2 = pair ? row + stride : row;
      long scale = scales + p * scaleStride;
      long scale2 = pair ? scale + scaleStride : scale;
      if (p % PREFETCHED_ROWS == 0) {
        int rows = Math.min(PREFETCHED_ROWS, k - p);
        prefetched |= Simd.prefetch(row, (rows - 1) * stride + type.rowBytes(columns));
      }
      if (bytes) {
        addRowsI8(
            row, scale, weight, row2, scale2, weight2, 4L * LANES, whole, y, 4 * VECTOR_BYTES);
      } else {
        addRowsI4(row, scale, weight, row2, scale2, weight2, whole, y, GROUP_FLOATS);
      }
      for (int c = whole; c < columns; c++) {
        long at = y + 4L * c;
        float sum = Math.fma(get(bytes, row, scale, c), weight, Simd.get(at));
        Simd.set(at, Math.fma(get(bytes, row2, scale2, c), weight2, sum));
      }
    }
    Simd.setInt(scratch, prefetched);
  }

  /** Computes y ← (y + θ·A) + θ₂·A₂ for one row each of A and A₂. */
  private static void addRowsI8(
      long a,
      long scales,
      float theta,
      long a2,
      long scales2,
      float theta2,
      long step,
      int columns,
      long y,
      long yStep) {
    for (int c = 0; c < columns; c += GROUP) {
      FloatVector t = FloatVector.broadcast(FLOATS, theta * Simd.get(scales));
      FloatVector t2 = FloatVector.broadcast(FLOATS, theta2 * Simd.get(scales2));
      int n = Math.min(GROUP, columns - c);
      int i = 0;
      for (; i <= n - 4 * LANES; i += 4 * LANES) {
        ((FloatVector)
                ByteVector.fromMemorySegment(BYTES, ALL, a2, LE)
                    .convertShape(VectorOperators.B2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ByteVector.fromMemorySegment(BYTES, ALL, a, LE)
                            .convertShape(VectorOperators.B2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, y, LE)))
            .intoMemorySegment(ALL, y, LE);
        long to = y + VECTOR_BYTES;
        ((FloatVector)
                ByteVector.fromMemorySegment(BYTES, ALL, a2 + LANES, LE)
                    .convertShape(VectorOperators.B2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ByteVector.fromMemorySegment(BYTES, ALL, a + LANES, LE)
                            .convertShape(VectorOperators.B2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE)))
            .intoMemorySegment(ALL, to, LE);
        to = y + 2 * VECTOR_BYTES;
        ((FloatVector)
                ByteVector.fromMemorySegment(BYTES, ALL, a2 + 2L * LANES, LE)
                    .convertShape(VectorOperators.B2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ByteVector.fromMemorySegment(BYTES, ALL, a + 2L * LANES, LE)
                            .convertShape(VectorOperators.B2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE)))
            .intoMemorySegment(ALL, to, LE);
        to = y + 3 * VECTOR_BYTES;
        ((FloatVector)
                ByteVector.fromMemorySegment(BYTES, ALL, a2 + 3L * LANES, LE)
                    .convertShape(VectorOperators.B2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ByteVector.fromMemorySegment(BYTES, ALL, a + 3L * LANES, LE)
                            .convertShape(VectorOperators.B2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE)))
            .intoMemorySegment(ALL, to, LE);
        a += step;
        a2 += step;
        y += yStep;
      }
      for (; i < n; i += LANES) {
        ((FloatVector)
                ByteVector.fromMemorySegment(BYTES, ALL, a2, LE)
                    .convertShape(VectorOperators.B2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ByteVector.fromMemorySegment(BYTES, ALL, a, LE)
                            .convertShape(VectorOperators.B2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, y, LE)))
            .intoMemorySegment(ALL, y, LE);
        a += LANES;
        a2 += LANES;
        y += VECTOR_BYTES;
      }
      scales += Float.BYTES;
      scales2 += Float.BYTES;
    }
  }

  private static void addRowsI4(
      long a,
      long scales,
      float theta,
      long a2,
      long scales2,
      float theta2,
      int columns,
      long y,
      long step) {
    int c = 0;
    for (; c <= columns - GROUP; c += GROUP) {
      FloatVector t = FloatVector.broadcast(FLOATS, theta * Simd.get(scales));
      FloatVector t2 = FloatVector.broadcast(FLOATS, theta2 * Simd.get(scales2));
      for (int lane = 0; lane < BLOCK_INTS; lane += LANES) {
        IntVector ints = IntVector.fromMemorySegment(INTS, ALL, a + 4L * lane, LE);
        IntVector ints2 = IntVector.fromMemorySegment(INTS, ALL, a2 + 4L * lane, LE);
        long to = y + 4L * lane;
        ((FloatVector)
                ints2
                    .lanewise(VectorOperators.LSHL, 28)
                    .lanewise(VectorOperators.ASHR, 28)
                    .convertShape(VectorOperators.I2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ints.lanewise(VectorOperators.LSHL, 28)
                            .lanewise(VectorOperators.ASHR, 28)
                            .convertShape(VectorOperators.I2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE)))
            .intoMemorySegment(ALL, to, LE);
        to += NIBBLE;
        ((FloatVector)
                ints2
                    .lanewise(VectorOperators.LSHL, 24)
                    .lanewise(VectorOperators.ASHR, 28)
                    .convertShape(VectorOperators.I2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ints.lanewise(VectorOperators.LSHL, 24)
                            .lanewise(VectorOperators.ASHR, 28)
                            .convertShape(VectorOperators.I2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE)))
            .intoMemorySegment(ALL, to, LE);
        to += NIBBLE;
        ((FloatVector)
                ints2
                    .lanewise(VectorOperators.LSHL, 20)
                    .lanewise(VectorOperators.ASHR, 28)
                    .convertShape(VectorOperators.I2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ints.lanewise(VectorOperators.LSHL, 20)
                            .lanewise(VectorOperators.ASHR, 28)
                            .convertShape(VectorOperators.I2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE)))
            .intoMemorySegment(ALL, to, LE);
        to += NIBBLE;
        ((FloatVector)
                ints2
                    .lanewise(VectorOperators.LSHL, 16)
                    .lanewise(VectorOperators.ASHR, 28)
                    .convertShape(VectorOperators.I2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ints.lanewise(VectorOperators.LSHL, 16)
                            .lanewise(VectorOperators.ASHR, 28)
                            .convertShape(VectorOperators.I2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE)))
            .intoMemorySegment(ALL, to, LE);
        to += NIBBLE;
        ((FloatVector)
                ints2
                    .lanewise(VectorOperators.LSHL, 12)
                    .lanewise(VectorOperators.ASHR, 28)
                    .convertShape(VectorOperators.I2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ints.lanewise(VectorOperators.LSHL, 12)
                            .lanewise(VectorOperators.ASHR, 28)
                            .convertShape(VectorOperators.I2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE)))
            .intoMemorySegment(ALL, to, LE);
        to += NIBBLE;
        ((FloatVector)
                ints2
                    .lanewise(VectorOperators.LSHL, 8)
                    .lanewise(VectorOperators.ASHR, 28)
                    .convertShape(VectorOperators.I2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ints.lanewise(VectorOperators.LSHL, 8)
                            .lanewise(VectorOperators.ASHR, 28)
                            .convertShape(VectorOperators.I2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE)))
            .intoMemorySegment(ALL, to, LE);
        to += NIBBLE;
        ((FloatVector)
                ints2
                    .lanewise(VectorOperators.LSHL, 4)
                    .lanewise(VectorOperators.ASHR, 28)
                    .convertShape(VectorOperators.I2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ints.lanewise(VectorOperators.LSHL, 4)
                            .lanewise(VectorOperators.ASHR, 28)
                            .convertShape(VectorOperators.I2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE)))
            .intoMemorySegment(ALL, to, LE);
        to += NIBBLE;
        ((FloatVector)
                ints2
                    .lanewise(VectorOperators.ASHR, 28)
                    .convertShape(VectorOperators.I2F, FLOATS, 0))
            .fma(
                t2,
                ((FloatVector)
                        ints.lanewise(VectorOperators.ASHR, 28)
                            .convertShape(VectorOperators.I2F, FLOATS, 0))
                    .fma(t, FloatVector.fromMemorySegment(FLOATS, ALL, to, LE)))
            .intoMemorySegment(ALL, to, LE);
      }
      scales += Float.BYTES;
      scales2 += Float.BYTES;
      a += BLOCK_BYTES;
      a2 += BLOCK_BYTES;
      y += step;
    }
    if (c < columns) {
      FloatVector t = FloatVector.broadcast(FLOATS, theta * Simd.get(scales));
      FloatVector t2 = FloatVector.broadcast(FLOATS, theta2 * Simd.get(scales2));
      for (int shift = 28; c < columns; c += BLOCK_INTS) {
        for (int lane = 0; lane < BLOCK_INTS; lane += LANES) {
          long to = y + 4L * lane;
          IntVector ints = IntVector.fromMemorySegment(INTS, ALL, a + 4L * lane, LE);
          IntVector ints2 = IntVector.fromMemorySegment(INTS, ALL, a2 + 4L * lane, LE);
          FloatVector sum = FloatVector.fromMemorySegment(FLOATS, ALL, to, LE);
          ((FloatVector)
                  ints2
                      .lanewise(VectorOperators.LSHL, shift)
                      .lanewise(VectorOperators.ASHR, 28)
                      .convertShape(VectorOperators.I2F, FLOATS, 0))
              .fma(
                  t2,
                  ((FloatVector)
                          ints.lanewise(VectorOperators.LSHL, shift)
                              .lanewise(VectorOperators.ASHR, 28)
                              .convertShape(VectorOperators.I2F, FLOATS, 0))
                      .fma(t, sum))
              .intoMemorySegment(ALL, to, LE);
        }
        shift -= 4;
        y += NIBBLE;
      }
    }
  }
}
