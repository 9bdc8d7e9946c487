package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.FloatVector;
import org.tokenformer.engine.backend.AdamW;

/**
 * Operations on single rows. Each row is processed by one worker. Sums over a row use double
 * arithmetic, in an order that is the same at every vector width: an error in such a sum would
 * scale the whole row, and training is to be bit-identical at every width.
 */
final class RowKernels {
  /** Number of exponentials of logits that are held in memory until they are added. */
  private static final int EXPONENTIALS = 1024;

  private RowKernels() {}

  /**
   * Computes the layer normalisation of one row.
   *
   * @param weight address of C floats, or 0 for none
   * @param bias address of C floats, or 0 for none
   */
  static void layerNorm(long x, int channels, long weight, long bias, float epsilon, long to) {
    float mean = mean(x, channels);
    float scale = scale(x, channels, mean, epsilon);
    normalise(x, channels, mean, scale, to);
    if (weight != 0) {
      multiply(to, channels, weight);
    }
    if (bias != 0) {
      add(bias, to, channels, to);
    }
  }

  /**
   * Computes the backward pass of the layer normalisation of one row: with n the normalised row and
   * g the gradient times the weight, adds (g − mean(g) − n·mean(g·n))/σ to the row's gradient.
   *
   * @param weight address of C floats, or 0 for none
   */
  static void layerNormBackward(
      long x, int channels, long weight, float epsilon, long outGradient, long xGradient) {
    float mean = mean(x, channels);
    float scale = scale(x, channels, mean, epsilon);
    double sum = 0;
    double dot = 0;
    double oddSum = 0; // two chains hide the latency of the additions
    double oddDot = 0;
    int c = 0;
    for (; c <= channels - 2; c += 2) {
      float g = gradient(outGradient, weight, c);
      float odd = gradient(outGradient, weight, c + 1);
      sum += g;
      oddSum += odd;
      dot += (double) g * ((Simd.get(x + 4L * c) - mean) * scale);
      oddDot += (double) odd * ((Simd.get(x + 4L * c + 4) - mean) * scale);
    }
    if (c < channels) {
      float g = gradient(outGradient, weight, c);
      sum += g;
      dot += (double) g * ((Simd.get(x + 4L * c) - mean) * scale);
    }
    float meanGradient = (float) ((sum + oddSum) / channels);
    float meanProduct = (float) ((dot + oddDot) / channels);
    c = 0;
    for (; c <= channels - LANES; c += LANES) {
      FloatVector g = FloatVector.fromMemorySegment(FLOATS, ALL, outGradient + 4L * c, LE);
      if (weight != 0) {
        g = g.mul(FloatVector.fromMemorySegment(FLOATS, ALL, weight + 4L * c, LE));
      }
      FloatVector n =
          FloatVector.fromMemorySegment(FLOATS, ALL, x + 4L * c, LE).sub(mean).mul(scale);
      FloatVector d = g.sub(meanGradient).sub(n.mul(meanProduct));
      FloatVector before = FloatVector.fromMemorySegment(FLOATS, ALL, xGradient + 4L * c, LE);
      d.mul(scale).add(before).intoMemorySegment(ALL, xGradient + 4L * c, LE);
    }
    for (; c < channels; c++) {
      float g = gradient(outGradient, weight, c);
      float n = (Simd.get(x + 4L * c) - mean) * scale;
      float d = (g - meanGradient - n * meanProduct) * scale;
      Simd.set(xGradient + 4L * c, Simd.get(xGradient + 4L * c) + d);
    }
  }

  /** Returns the gradient of a normalised number, before the weight was applied. */
  private static float gradient(long outGradient, long weight, int c) {
    return Simd.get(outGradient + 4L * c) * (weight == 0 ? 1 : Simd.get(weight + 4L * c));
  }

  /**
   * Adds the contribution of one row to the gradients of a layer normalisation's weight and bias.
   *
   * @param weightGradient address of C floats, or 0 if not needed
   * @param biasGradient address of C floats, or 0 if not needed
   */
  static void layerNormParameters(
      long x,
      int channels,
      float epsilon,
      long outGradient,
      long weightGradient,
      long biasGradient) {
    if (biasGradient != 0) {
      add(outGradient, biasGradient, channels, biasGradient);
    }
    if (weightGradient != 0) {
      float mean = mean(x, channels);
      float scale = scale(x, channels, mean, epsilon);
      int c = 0;
      for (; c <= channels - LANES; c += LANES) {
        FloatVector g = FloatVector.fromMemorySegment(FLOATS, ALL, outGradient + 4L * c, LE);
        FloatVector d = FloatVector.fromMemorySegment(FLOATS, ALL, x + 4L * c, LE).sub(mean);
        FloatVector before =
            FloatVector.fromMemorySegment(FLOATS, ALL, weightGradient + 4L * c, LE);
        d.mul(scale).fma(g, before).intoMemorySegment(ALL, weightGradient + 4L * c, LE);
      }
      for (; c < channels; c++) {
        float n = (Simd.get(x + 4L * c) - mean) * scale;
        float before = Simd.get(weightGradient + 4L * c);
        Simd.set(weightGradient + 4L * c, Math.fma(n, Simd.get(outGradient + 4L * c), before));
      }
    }
  }

  private static float mean(long x, int channels) {
    return (float) (sum(x, channels) / channels);
  }

  private static double sum(long x, int n) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i <= n - 4; i += 4) {
      s0 += Simd.get(x + 4L * i);
      s1 += Simd.get(x + 4L * i + 4);
      s2 += Simd.get(x + 4L * i + 8);
      s3 += Simd.get(x + 4L * i + 12);
    }
    for (; i < n; i++) {
      s0 += Simd.get(x + 4L * i);
    }
    return s0 + s1 + (s2 + s3);
  }

  /** Returns 1/√(variance + ε). */
  private static float scale(long x, int channels, float mean, float epsilon) {
    return (float) (1 / Math.sqrt(squares(x, channels, mean) / channels + epsilon));
  }

  /** Returns the sum of the squares of the differences between n numbers and {@code zero}. */
  static double squares(long x, int n, double zero) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i <= n - 4; i += 4) {
      double a = Simd.get(x + 4L * i) - zero;
      double b = Simd.get(x + 4L * i + 4) - zero;
      double c = Simd.get(x + 4L * i + 8) - zero;
      double d = Simd.get(x + 4L * i + 12) - zero;
      s0 += a * a;
      s1 += b * b;
      s2 += c * c;
      s3 += d * d;
    }
    for (; i < n; i++) {
      double a = Simd.get(x + 4L * i) - zero;
      s0 += a * a;
    }
    return s0 + s1 + (s2 + s3);
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

  /** Computes out ← x + y; {@code out} may be one of them. */
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
   * Returns −ln softmax(logits)[target].
   *
   * @param scratch memory of {@link Gemm#PACKED_BYTES}, such as the worker's own
   */
  static float crossEntropy(long logits, int n, int target, long scratch) {
    int vectors = n / LANES;
    long max = scratch;
    Simd.fill(max, LANES, Float.NEGATIVE_INFINITY);
    VectorMath.max(logits, VECTOR_BYTES, vectors, max);
    float largest = ThetaKernel.largest(max);
    for (int c = vectors * LANES; c < n; c++) {
      largest = Math.max(largest, Simd.get(logits + 4L * c));
    }
    Simd.fill(max, LANES, largest);
    long own = scratch + VECTOR_BYTES;
    long weights = own + 2 * VECTOR_BYTES;
    double total = 0;
    for (int c = 0; c < n; c += EXPONENTIALS) {
      int count = Math.min(EXPONENTIALS, n - c);
      exp(logits + 4L * c, count, max, weights, own);
      total += sum(weights, count);
    }
    return (float) (Math.log(total) + largest - Simd.get(logits + 4L * target));
  }

  /**
   * Computes to ← exp(from − shift) for n numbers. The last ones go through a whole vector too, so
   * that each is the same at every vector width.
   *
   * @param shift address of a vector, equal on all lanes; see {@link VectorMath#exp}
   * @param to address of the first result, which may be {@code from}
   * @param scratch two vectors
   */
  private static void exp(long from, int n, long shift, long to, long scratch) {
    int vectors = n / LANES;
    long unused = scratch;
    VectorMath.exp(from, VECTOR_BYTES, vectors, shift, to, VECTOR_BYTES, unused);
    long done = vectors * VECTOR_BYTES;
    long rest = 4L * n - done;
    if (rest > 0) {
      long last = scratch + VECTOR_BYTES;
      Simd.clear(last, VECTOR_BYTES);
      Simd.copy(from + done, last, rest);
      VectorMath.exp(last, VECTOR_BYTES, 1, shift, last, VECTOR_BYTES, unused);
      Simd.copy(last, to + done, rest);
    }
  }

  /**
   * Returns the loss of one row, and replaces its logits with weight·(softmax − one-hot target).
   *
   * @param scratch see {@link #crossEntropy}
   */
  static float crossEntropyBackward(long logits, int n, int target, float weight, long scratch) {
    float loss = crossEntropy(logits, n, target, scratch);
    float logit = Simd.get(logits + 4L * target);
    float logSum = loss + logit;
    int vectors = n / LANES;
    long shift = scratch;
    long factor = scratch + VECTOR_BYTES;
    Simd.fill(shift, LANES, logSum);
    Simd.fill(factor, LANES, weight);
    exp(logits, n, shift, logits, scratch + 2 * VECTOR_BYTES);
    VectorMath.scale(logits, logits, VECTOR_BYTES, vectors, factor);
    for (int c = vectors * LANES; c < n; c++) {
      Simd.set(logits + 4L * c, weight * Simd.get(logits + 4L * c));
    }
    // p − 1 without cancellation when p is near 1.
    Simd.set(logits + 4L * target, (float) (weight * Math.expm1((double) -loss)));
    return loss;
  }

  /** Does one step of AdamW on n weights; see {@code Backend.adamw}. */
  static void adamw(AdamW step, long weights, long gradient, long first, long second, int n) {
    float beta1 = step.beta1();
    float beta2 = step.beta2();
    float shrink = step.shrink();
    float stepSize = step.stepSize();
    float rootScale = step.rootScale();
    int i = 0;
    for (; i <= n - LANES; i += LANES) {
      long o = 4L * i;
      FloatVector g = FloatVector.fromMemorySegment(FLOATS, ALL, gradient + o, LE);
      g = g.mul(step.gradientScale());
      FloatVector m = FloatVector.fromMemorySegment(FLOATS, ALL, first + o, LE);
      m = m.mul(beta1).add(g.mul(1 - beta1));
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, second + o, LE);
      v = v.mul(beta2).add(g.mul(g).mul(1 - beta2));
      m.intoMemorySegment(ALL, first + o, LE);
      v.intoMemorySegment(ALL, second + o, LE);
      FloatVector root = v.sqrt().mul(rootScale).add(step.epsilon());
      FloatVector w = FloatVector.fromMemorySegment(FLOATS, ALL, weights + o, LE).mul(shrink);
      w.sub(m.mul(stepSize).div(root)).intoMemorySegment(ALL, weights + o, LE);
    }
    for (; i < n; i++) {
      long o = 4L * i;
      float g = Simd.get(gradient + o) * step.gradientScale();
      float m = Simd.get(first + o) * beta1 + g * (1 - beta1);
      float v = Simd.get(second + o) * beta2 + g * g * (1 - beta2);
      Simd.set(first + o, m);
      Simd.set(second + o, v);
      float root = (float) Math.sqrt(v) * rootScale + step.epsilon();
      Simd.set(weights + o, Simd.get(weights + o) * shrink - m * stepSize / root);
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
