package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.FloatVector;
import org.tokenformer.engine.backend.AdamW;

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
    float mean = mean(x, channels, sums);
    float scale = scale(x, channels, mean, epsilon, sums);
    normalise(x, channels, mean, scale, to);
    if (weight != 0) {
      multiply(to, channels, weight);
    }
    if (bias != 0) {
      add(bias, to, channels, to);
    }
  }

  /**
   * Backward through the layer normalisation of one row: with n the normalised row and g the
   * gradient times the weight, the row's gradient grows by (g − mean(g) − n·mean(g·n))/σ.
   *
   * @param weight address of C floats, or 0 for none
   * @param sums scratch of one vector
   */
  static void layerNormBackward(
      long x,
      int channels,
      long weight,
      float epsilon,
      long outGradient,
      long xGradient,
      long sums) {
    float mean = mean(x, channels, sums);
    float scale = scale(x, channels, mean, epsilon, sums);
    FloatVector total = FloatVector.zero(FLOATS);
    FloatVector product = total;
    int c = 0;
    for (; c <= channels - LANES; c += LANES) {
      FloatVector g = FloatVector.fromMemorySegment(FLOATS, ALL, outGradient + 4L * c, LE);
      if (weight != 0) {
        g = g.mul(FloatVector.fromMemorySegment(FLOATS, ALL, weight + 4L * c, LE));
      }
      FloatVector n =
          FloatVector.fromMemorySegment(FLOATS, ALL, x + 4L * c, LE).sub(mean).mul(scale);
      total = total.add(g);
      product = g.fma(n, product);
    }
    total.intoMemorySegment(ALL, sums, LE);
    float sum = (float) Stream.sum(sums);
    product.intoMemorySegment(ALL, sums, LE);
    float dot = (float) Stream.sum(sums);
    for (; c < channels; c++) {
      float g = Simd.get(outGradient + 4L * c) * (weight == 0 ? 1 : Simd.get(weight + 4L * c));
      sum += g;
      dot = Math.fma(g, (Simd.get(x + 4L * c) - mean) * scale, dot);
    }
    float meanGradient = sum / channels;
    float meanProduct = dot / channels;
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
      float g = Simd.get(outGradient + 4L * c) * (weight == 0 ? 1 : Simd.get(weight + 4L * c));
      float n = (Simd.get(x + 4L * c) - mean) * scale;
      float d = (g - meanGradient - n * meanProduct) * scale;
      Simd.set(xGradient + 4L * c, Simd.get(xGradient + 4L * c) + d);
    }
  }

  /**
   * What one row adds to the gradients of a layer normalisation's weight and bias.
   *
   * @param weightGradient address of C floats, or 0 if it is not wanted
   * @param biasGradient address of C floats, or 0 if it is not wanted
   * @param sums scratch of one vector
   */
  static void layerNormParameters(
      long x,
      int channels,
      float epsilon,
      long outGradient,
      long weightGradient,
      long biasGradient,
      long sums) {
    if (biasGradient != 0) {
      add(outGradient, biasGradient, channels, biasGradient);
    }
    if (weightGradient != 0) {
      float mean = mean(x, channels, sums);
      float scale = scale(x, channels, mean, epsilon, sums);
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

  private static float mean(long x, int channels, long sums) {
    int vectors = channels / LANES;
    VectorMath.sum(x, VECTOR_BYTES, vectors, sums);
    double total = Stream.sum(sums);
    for (int c = vectors * LANES; c < channels; c++) {
      total += Simd.get(x + 4L * c);
    }
    return (float) (total / channels);
  }

  /** 1/√(variance + ε). */
  private static float scale(long x, int channels, float mean, float epsilon, long sums) {
    int vectors = channels / LANES;
    VectorMath.squares(x, VECTOR_BYTES, vectors, mean, sums);
    double variance = Stream.sum(sums);
    for (int c = vectors * LANES; c < channels; c++) {
      double d = Simd.get(x + 4L * c) - mean;
      variance += d * d;
    }
    return (float) (1 / Math.sqrt(variance / channels + epsilon));
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

  /**
   * The loss of one row, whose logits become weight·(softmax − one at the target).
   *
   * @param scratch three vectors
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
    long unused = scratch + 2 * VECTOR_BYTES;
    VectorMath.exp(logits, VECTOR_BYTES, vectors, shift, logits, VECTOR_BYTES, unused);
    VectorMath.scale(logits, logits, VECTOR_BYTES, vectors, factor);
    for (int c = vectors * LANES; c < n; c++) {
      double p = Math.exp((double) Simd.get(logits + 4L * c) - logSum);
      Simd.set(logits + 4L * c, (float) (weight * p));
    }
    // 1 − p without cancellation where the model is sure.
    Simd.set(logits + 4L * target, (float) (weight * Math.expm1((double) -loss)));
    return loss;
  }

  /** One step of AdamW on n weights; see {@code Backend.adamw}. */
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

  /** In double arithmetic, four chains: squares of large gradients overflow a float. */
  static double sumOfSquares(long x, int n) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i <= n - 4; i += 4) {
      double a = Simd.get(x + 4L * i);
      double b = Simd.get(x + 4L * i + 4);
      double c = Simd.get(x + 4L * i + 8);
      double d = Simd.get(x + 4L * i + 12);
      s0 += a * a;
      s1 += b * b;
      s2 += c * c;
      s3 += d * d;
    }
    for (; i < n; i++) {
      double a = Simd.get(x + 4L * i);
      s0 += a * a;
    }
    return s0 + s1 + (s2 + s3);
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
