package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import org.tokenformer.engine.backend.Dropout;
import org.tokenformer.engine.backend.Theta;

/**
 * Computes Θ in two passes over the scores. The {@code reduce} pass computes each token's scale
 * factor; kinds that normalise gelu or exp of the scores store those in θ on the way. The {@code
 * apply} pass does the rest. The second pass may be divided anywhere, the first runs over all N.
 */
final class ThetaKernel {
  // Scratch holds five vectors: a factor, a sum, a maximum, and two for the backward pass.
  private static final int SUM = 1;
  private static final int MAX = 2;
  private static final int DOT = 3;
  private static final int FACTOR = 4;

  /**
   * Factor of gelu before its norm is computed; it cancels out. Without it, the squares would
   * underflow to 0 for a token whose scores are all in the far negative tail of gelu.
   */
  private static final float GELU_UNITS = 1 << 24;

  private ThetaKernel() {}

  /**
   * Does the first pass for one vector of a panel's tokens.
   *
   * @param s address of that vector's first score, (n, PANEL)
   * @param theta where θ goes, with the same layout; may be {@code s}
   * @param factors where that vector's factors go
   * @param scratch three vectors
   */
  static void reducePanel(
      Theta kind, float tau, long s, long theta, int n, long factors, long scratch) {
    reduce(kind, s, theta, PANEL_BYTES, n, scratch);
    factors(kind, tau, scratch + SUM * VECTOR_BYTES, factors);
  }

  /**
   * Does the second pass for some rows of one vector of a panel's tokens; for the parameters see
   * {@link #reducePanel}.
   */
  static void applyPanel(Theta kind, long s, long theta, int n, long factors) {
    apply(kind, s, theta, PANEL_BYTES, n, factors);
  }

  /**
   * Does both passes for one token with contiguous scores.
   *
   * @param s n scores, with space up to a whole vector, which is overwritten
   * @param scratch three vectors
   */
  static void applyRow(Theta kind, float tau, long s, int n, long scratch) {
    // Sums run lane by lane over whole vectors, so that zero rows appended by growth change no bit.
    int padded = Simd.roundUp(n, LANES);
    for (int i = n; i < padded; i++) {
      Simd.set(s + 4L * i, kind == Theta.SOFTMAX ? Float.NEGATIVE_INFINITY : 0);
    }
    reduce(kind, s, s, VECTOR_BYTES, padded / LANES, scratch);
    float factor = factor(kind, tau, (float) Gemv.sum(scratch + SUM * VECTOR_BYTES));
    Simd.fill(scratch, LANES, factor);
    apply(kind, s, s, VECTOR_BYTES, padded / LANES, scratch);
  }

  /**
   * Does the backward pass for one vector of a panel's tokens: recomputes θ and replaces the
   * gradient of θ with that of s.
   *
   * @param s address of that vector's first score, (n, PANEL)
   * @param d address of its first gradient, with the same layout
   * @param theta where θ goes, with the same layout
   * @param scratch five vectors
   */
  static void backwardPanel(
      Theta kind, float tau, long s, long d, long theta, int n, long scratch) {
    long sum = scratch + SUM * VECTOR_BYTES;
    long dot = scratch + DOT * VECTOR_BYTES;
    long factor = scratch + FACTOR * VECTOR_BYTES;
    Simd.fill(dot, LANES, 0);
    reduce(kind, s, theta, PANEL_BYTES, n, scratch);
    factors(kind, tau, sum, factor);
    switch (kind) {
      case L2_NORM_GELU -> {
        // ds = f·du − f·(u·du)/τ²·u with u = f·s, f = τ/‖s‖
        VectorMath.geluBackward(s, d, theta, PANEL_BYTES, n, factor, dot);
        for (int lane = 0; lane < LANES; lane++) {
          float f = Simd.get(factor + 4L * lane);
          Simd.set(dot + 4L * lane, f / tau * (f / tau) * Simd.get(dot + 4L * lane));
        }
        VectorMath.difference(d, s, PANEL_BYTES, n, factor, dot);
      }
      case GELU_L2_NORM -> {
        // ds = gelu'(s)·(f·dθ − f·(n·dθ)·n) with n = θ/τ, f = τ/‖gelu(s)‖
        VectorMath.scale(theta, theta, PANEL_BYTES, n, factor);
        VectorMath.products(theta, d, PANEL_BYTES, n, dot);
        for (int lane = 0; lane < LANES; lane++) {
          float f = GELU_UNITS * Simd.get(factor + 4L * lane);
          Simd.set(factor + 4L * lane, f);
          Simd.set(dot + 4L * lane, f * (Simd.get(dot + 4L * lane) / tau / tau));
        }
        VectorMath.difference(d, theta, PANEL_BYTES, n, factor, dot);
        Simd.fill(scratch, LANES, 1);
        VectorMath.geluBackward(s, d, theta, PANEL_BYTES, n, scratch, sum);
        VectorMath.scale(theta, theta, PANEL_BYTES, n, factor);
      }
      case SOFTMAX -> {
        // ds = θ·(dθ − p·dθ) with p = θ/τ
        VectorMath.scale(theta, theta, PANEL_BYTES, n, factor);
        VectorMath.products(theta, d, PANEL_BYTES, n, dot);
        for (int lane = 0; lane < LANES; lane++) {
          Simd.set(dot + 4L * lane, Simd.get(dot + 4L * lane) / tau);
        }
        VectorMath.softmaxBackward(d, theta, PANEL_BYTES, n, dot);
      }
    }
  }

  /**
   * Applies dropout to θ, or to its gradient, for one vector of a panel's tokens.
   *
   * @param row row of the activations on the first lane
   * @param theta address of that vector's n values, (n, PANEL)
   * @param first parameter-token index of the first of them
   * @param hashes scratch of one vector
   */
  static void dropout(Dropout dropout, int row, long theta, int first, int n, long hashes) {
    for (int lane = 0; lane < LANES; lane++) {
      Simd.ALL.set(Simd.INT, hashes + 4L * lane, dropout.rowHash(row + lane));
    }
    VectorMath.dropout(theta, PANEL_BYTES, first, n, hashes, dropout.threshold(), dropout.scale());
  }

  /** Stores the sum that the kind normalises by in the second vector of the scratch. */
  private static void reduce(Theta kind, long s, long theta, long step, int count, long scratch) {
    long sum = scratch + SUM * VECTOR_BYTES;
    switch (kind) {
      case L2_NORM_GELU -> VectorMath.squares(s, step, count, sum);
      case GELU_L2_NORM -> {
        Simd.fill(scratch, LANES, 1);
        VectorMath.gelu(s, theta, step, count, scratch);
        Simd.fill(scratch, LANES, GELU_UNITS);
        VectorMath.scale(theta, theta, step, count, scratch);
        VectorMath.squares(theta, step, count, sum);
      }
      case SOFTMAX -> {
        long max = scratch + MAX * VECTOR_BYTES;
        Simd.fill(max, LANES, Float.NEGATIVE_INFINITY);
        VectorMath.max(s, step, count, max);
        if (step == VECTOR_BYTES) { // the lanes belong to one token, which has one maximum
          Simd.fill(max, LANES, largest(max));
        }
        Simd.fill(sum, LANES, 0);
        VectorMath.exp(s, step, count, max, theta, step, sum);
      }
    }
  }

  private static void apply(Theta kind, long s, long theta, long step, int count, long factors) {
    if (kind == Theta.L2_NORM_GELU) {
      VectorMath.gelu(s, theta, step, count, factors);
    } else {
      VectorMath.scale(theta, theta, step, count, factors);
    }
  }

  private static void factors(Theta kind, float tau, long sums, long factors) {
    for (int lane = 0; lane < LANES; lane++) {
      Simd.set(factors + 4L * lane, factor(kind, tau, Simd.get(sums + 4L * lane)));
    }
  }

  private static float factor(Theta kind, float tau, float sum) {
    float norm = kind == Theta.SOFTMAX ? sum : (float) Math.sqrt(sum);
    return norm == 0 ? 0 : tau / norm;
  }

  /** Returns the largest lane of a stored vector; NaN wins. */
  static float largest(long vector) {
    float max = Float.NEGATIVE_INFINITY;
    for (int lane = 0; lane < LANES; lane++) {
      max = Math.max(max, Simd.get(vector + 4L * lane));
    }
    return max;
  }
}
