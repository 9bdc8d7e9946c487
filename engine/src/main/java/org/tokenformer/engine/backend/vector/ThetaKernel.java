package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import org.tokenformer.engine.backend.Theta;

/**
 * Θ in two passes over the scores: {@code reduce} finds what each token's scores are scaled by,
 * after replacing them by gelu or exp where the kind norms those; {@code apply} does the rest. The
 * second pass may be cut anywhere, the first runs over all N.
 */
final class ThetaKernel {
  // Scratch is three vectors: for a factor, a sum and a maximum.
  private static final int SUM = 1;

  private static final int MAX = 2;

  private ThetaKernel() {}

  /**
   * First pass, for one vector of tokens of a panel.
   *
   * @param s address of that vector's first score, (n, PANEL)
   * @param factors where that vector's factors go
   * @param scratch three vectors
   */
  static void reducePanel(Theta kind, float tau, long s, int n, long factors, long scratch) {
    reduce(kind, s, PANEL_BYTES, n, scratch);
    long sums = scratch + SUM * VECTOR_BYTES;
    for (int lane = 0; lane < LANES; lane++) {
      Simd.set(factors + 4L * lane, factor(kind, tau, Simd.get(sums + 4L * lane)));
    }
  }

  /** Second pass, for some rows of one vector of tokens of a panel; scratch as in the first. */
  static void applyPanel(Theta kind, long s, int n, long factors, long scratch) {
    apply(kind, s, PANEL_BYTES, n, factors, scratch);
  }

  /**
   * Both passes, for one token whose scores lie side by side.
   *
   * @param s n scores and room up to a whole vector, which is used
   * @param scratch three vectors
   */
  static void applyRow(Theta kind, float tau, long s, int n, long scratch) {
    // Sums run lane by lane over whole vectors, so that zeros appended by growth change no bit.
    int padded = Simd.roundUp(n, LANES);
    for (int i = n; i < padded; i++) {
      Simd.set(s + 4L * i, kind == Theta.SOFTMAX ? Float.NEGATIVE_INFINITY : 0);
    }
    reduce(kind, s, VECTOR_BYTES, padded / LANES, scratch);
    float factor = factor(kind, tau, Stream.sum(scratch + SUM * VECTOR_BYTES));
    Simd.fill(scratch, LANES, factor);
    apply(kind, s, VECTOR_BYTES, padded / LANES, scratch, scratch);
  }

  /** Leaves the sum that the kind norms by in the second vector of the scratch. */
  private static void reduce(Theta kind, long s, long step, int count, long scratch) {
    long sum = scratch + SUM * VECTOR_BYTES;
    switch (kind) {
      case L2_NORM_GELU -> VectorMath.squares(s, step, count, sum);
      case GELU_L2_NORM -> {
        Simd.fill(scratch, LANES, 1);
        Simd.fill(sum, LANES, 0);
        VectorMath.gelu(s, step, count, scratch, sum);
      }
      case SOFTMAX -> {
        long max = scratch + MAX * VECTOR_BYTES;
        Simd.fill(max, LANES, Float.NEGATIVE_INFINITY);
        VectorMath.max(s, step, count, max);
        if (step == VECTOR_BYTES) { // one token has one maximum
          Simd.fill(max, LANES, largest(max));
        }
        Simd.fill(sum, LANES, 0);
        VectorMath.exp(s, step, count, max, s, step, sum);
      }
    }
  }

  private static void apply(Theta kind, long s, long step, int count, long factors, long scratch) {
    if (kind == Theta.L2_NORM_GELU) {
      VectorMath.gelu(s, step, count, factors, scratch + SUM * VECTOR_BYTES);
    } else {
      VectorMath.scale(s, step, count, factors);
    }
  }

  private static float factor(Theta kind, float tau, float sum) {
    float norm = kind == Theta.SOFTMAX ? sum : (float) Math.sqrt(sum);
    return norm == 0 ? 0 : tau / norm;
  }

  /** The largest lane of a stored vector; NaN wins. */
  static float largest(long vector) {
    float max = Float.NEGATIVE_INFINITY;
    for (int lane = 0; lane < LANES; lane++) {
      max = Math.max(max, Simd.get(vector + 4L * lane));
    }
    return max;
  }
}
