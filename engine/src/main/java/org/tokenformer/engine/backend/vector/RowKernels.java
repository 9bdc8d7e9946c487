package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.FloatVector;

/** What is done to one row of activations by itself. Each row is one worker's. */
final class RowKernels {
  private RowKernels() {}

  /**
   * Layer normalisation of one row.
   *
   * @param weight address of C floats, or 0 for none
   * @param bias address of C floats, or 0 for none
   * @param sums scratch of one vector
   */
  static void layerNorm(
      long x, int channels, long weight, long bias, float epsilon, long to, long sums) {
    FloatVector sum = FloatVector.zero(FLOATS);
    int c = 0;
    for (; c <= channels - LANES; c += LANES) {
      sum = sum.add(FloatVector.fromMemorySegment(FLOATS, ALL, x + 4L * c, LE));
    }
    sum.intoMemorySegment(ALL, sums, LE);
    float total = Stream.sum(sums);
    for (; c < channels; c++) {
      total += Simd.get(x + 4L * c);
    }
    float mean = total / channels;
    FloatVector squares = FloatVector.zero(FLOATS);
    c = 0;
    for (; c <= channels - LANES; c += LANES) {
      FloatVector d = FloatVector.fromMemorySegment(FLOATS, ALL, x + 4L * c, LE).sub(mean);
      squares = d.fma(d, squares);
    }
    squares.intoMemorySegment(ALL, sums, LE);
    float variance = Stream.sum(sums);
    for (; c < channels; c++) {
      float d = Simd.get(x + 4L * c) - mean;
      variance = Math.fma(d, d, variance);
    }
    float scale = (float) (1 / Math.sqrt(variance / channels + epsilon));
    normalise(x, channels, mean, scale, to);
    if (weight != 0) {
      multiply(to, channels, weight);
    }
    if (bias != 0) {
      add(bias, to, channels, to);
    }
  }

  private static void normalise(long x, int channels, float mean, float scale, long to) {
    int c = 0;
    for (; c <= channels - LANES; c += LANES) {
      FloatVector d = FloatVector.fromMemorySegment(FLOATS, ALL, x + 4L * c, LE).sub(mean);
      d.mul(scale).intoMemorySegment(ALL, to + 4L * c, LE);
    }
    for (; c < channels; c++) {
      Simd.set(to + 4L * c, (Simd.get(x + 4L * c) - mean) * scale);
    }
  }

  private static void multiply(long y, int n, long factors) {
    int c = 0;
    for (; c <= n - LANES; c += LANES) {
      FloatVector factor = FloatVector.fromMemorySegment(FLOATS, ALL, factors + 4L * c, LE);
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, y + 4L * c, LE);
      v.mul(factor).intoMemorySegment(ALL, y + 4L * c, LE);
    }
    for (; c < n; c++) {
      Simd.set(y + 4L * c, Simd.get(y + 4L * c) * Simd.get(factors + 4L * c));
    }
  }

  /** out ← x + y; {@code out} may be one of them. */
  static void add(long x, long y, int n, long out) {
    int c = 0;
    for (; c <= n - LANES; c += LANES) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x + 4L * c, LE);
      FloatVector w = FloatVector.fromMemorySegment(FLOATS, ALL, y + 4L * c, LE);
      w.add(v).intoMemorySegment(ALL, out + 4L * c, LE);
    }
    for (; c < n; c++) {
      Simd.set(out + 4L * c, Simd.get(y + 4L * c) + Simd.get(x + 4L * c));
    }
  }

  /** Rotates pairs (i, i + half) of each head; see {@code Backend.rotary}. */
  static void rotary(long x, int heads, int size, int half, long cosine, long sine) {
    for (int head = 0; head < heads; head++) {
      long u = x + 4L * head * size;
      long v = u + 4L * half;
      for (int i = 0; i < half; i++) {
        float a = Simd.get(u + 4L * i);
        float b = Simd.get(v + 4L * i);
        float cos = Simd.get(cosine + 4L * i);
        float sin = Simd.get(sine + 4L * i);
        Simd.set(u + 4L * i, a * cos - b * sin);
        Simd.set(v + 4L * i, b * cos + a * sin);
      }
    }
  }

  /**
   * −ln softmax(logits)[target].
   *
   * @param scratch three vectors
   */
  static float crossEntropy(long logits, int n, int target, long scratch) {
    int vectors = n / LANES;
    long max = scratch;
    long sum = scratch + VECTOR_BYTES;
    Simd.fill(max, LANES, Float.NEGATIVE_INFINITY);
    VectorMath.max(logits, VECTOR_BYTES, vectors, max);
    float largest = ThetaKernel.largest(max);
    for (int c = vectors * LANES; c < n; c++) {
      largest = Math.max(largest, Simd.get(logits + 4L * c));
    }
    Simd.fill(max, LANES, largest);
    Simd.fill(sum, LANES, 0);
    VectorMath.exp(logits, VECTOR_BYTES, vectors, max, scratch + 2 * VECTOR_BYTES, 0, sum);
    double total = Stream.sum(sum);
    for (int c = vectors * LANES; c < n; c++) {
      total += Math.exp((double) Simd.get(logits + 4L * c) - largest);
    }
    return (float) (Math.log(total) + largest - Simd.get(logits + 4L * target));
  }

  /** Widens BF16 numbers. */
  static void widen(long from, long n, long to) {
    for (long i = 0; i < n; i++) {
      Simd.set(to + 4 * i, Simd.getBf16(from + 2 * i));
    }
  }

  /** Rounds to BF16, to nearest and ties to even; NaN stays NaN. */
  static void narrow(long from, long n, long to) {
    for (long i = 0; i < n; i++) {
      float value = Simd.get(from + 4 * i);
      int bits = Float.floatToRawIntBits(value);
      int rounded =
          Float.isNaN(value) ? bits >>> 16 | 0x40 : (bits + 0x7FFF + (bits >>> 16 & 1)) >>> 16;
      ALL.set(Simd.SHORT, to + 2 * i, (short) rounded);
    }
  }
}
