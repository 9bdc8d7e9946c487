package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.tokenformer.engine.backend.Theta;

/**
 * Θ in two passes over the scores: {@code reduce*} finds what each token's scores are scaled by,
 * after replacing them by gelu or exp where the kind norms those; {@code apply*} does the rest. The
 * second pass may be cut anywhere, the first runs over all N.
 */
final class ThetaKernel {
  private ThetaKernel() {}

  /**
   * First pass, for one vector of tokens of a panel.
   *
   * @param s address of that vector's first score, (n, PANEL)
   * @param factors where that vector's factors go
   */
  static void reducePanel(Theta kind, float tau, long s, int n, long factors) {
    long end = s + n * PANEL_BYTES;
    switch (kind) {
      case L2_NORM_GELU -> squares(s, end, PANEL_BYTES).intoMemorySegment(ALL, factors, LE);
      case GELU_L2_NORM -> gelus(s, end, PANEL_BYTES).intoMemorySegment(ALL, factors, LE);
      case SOFTMAX -> exps(s, end, PANEL_BYTES, max(s, end, PANEL_BYTES), factors);
    }
    FloatVector sum = FloatVector.fromMemorySegment(FLOATS, ALL, factors, LE);
    if (kind != Theta.SOFTMAX) {
      sum = sum.lanewise(VectorOperators.SQRT);
    }
    FloatVector factor = FloatVector.broadcast(FLOATS, tau).div(sum);
    factor.blend(0f, sum.compare(VectorOperators.EQ, 0f)).intoMemorySegment(ALL, factors, LE);
  }

  /** Second pass, for some rows of one vector of tokens of a panel. */
  static void applyPanel(Theta kind, long s, int n, long factors) {
    FloatVector factor = FloatVector.fromMemorySegment(FLOATS, ALL, factors, LE);
    scale(kind, s, s + n * PANEL_BYTES, PANEL_BYTES, factor);
  }

  /**
   * Both passes, for one token whose scores lie side by side.
   *
   * @param s n scores and room up to a whole vector, which is used
   * @param scratch one vector
   */
  static void applyRow(Theta kind, float tau, long s, int n, long scratch) {
    // Sums run lane by lane over whole vectors, so that zeros appended by growth change no bit.
    int padded = Simd.roundUp(n, LANES);
    for (int i = n; i < padded; i++) {
      Simd.set(s + 4L * i, kind == Theta.SOFTMAX ? Float.NEGATIVE_INFINITY : 0);
    }
    long end = s + 4L * padded;
    switch (kind) {
      case L2_NORM_GELU -> squares(s, end, VECTOR_BYTES).intoMemorySegment(ALL, scratch, LE);
      case GELU_L2_NORM -> gelus(s, end, VECTOR_BYTES).intoMemorySegment(ALL, scratch, LE);
      case SOFTMAX -> {
        max(s, end, VECTOR_BYTES).intoMemorySegment(ALL, scratch, LE);
        float max = Float.NEGATIVE_INFINITY;
        for (int lane = 0; lane < LANES; lane++) {
          max = Math.max(max, Simd.get(scratch + 4L * lane));
        }
        exps(s, end, VECTOR_BYTES, FloatVector.broadcast(FLOATS, max), scratch);
      }
    }
    float sum = Stream.sum(scratch);
    float norm = kind == Theta.SOFTMAX ? sum : (float) Math.sqrt(sum);
    float factor = norm == 0 ? 0 : tau / norm;
    scale(kind, s, end, VECTOR_BYTES, FloatVector.broadcast(FLOATS, factor));
  }

  private static void scale(Theta kind, long s, long end, long step, FloatVector factor) {
    if (kind == Theta.L2_NORM_GELU) {
      for (long i = s; i < end; i += step) {
        FloatVector x = FloatVector.fromMemorySegment(FLOATS, ALL, i, LE).mul(factor);
        VectorMath.gelu(x).intoMemorySegment(ALL, i, LE);
      }
    } else {
      for (long i = s; i < end; i += step) {
        FloatVector x = FloatVector.fromMemorySegment(FLOATS, ALL, i, LE);
        x.mul(factor).intoMemorySegment(ALL, i, LE);
      }
    }
  }

  private static FloatVector squares(long s, long end, long step) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (long i = s; i < end; i += step) {
      FloatVector x = FloatVector.fromMemorySegment(FLOATS, ALL, i, LE);
      sum = x.fma(x, sum);
    }
    return sum;
  }

  /** Replaces scores by their gelu and returns the sum of the squares of those. */
  private static FloatVector gelus(long s, long end, long step) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (long i = s; i < end; i += step) {
      FloatVector g = VectorMath.gelu(FloatVector.fromMemorySegment(FLOATS, ALL, i, LE));
      g.intoMemorySegment(ALL, i, LE);
      sum = g.fma(g, sum);
    }
    return sum;
  }

  private static FloatVector max(long s, long end, long step) {
    FloatVector max = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
    for (long i = s; i < end; i += step) {
      max = max.max(FloatVector.fromMemorySegment(FLOATS, ALL, i, LE));
    }
    return max;
  }

  /** Replaces scores by exp(score − max) and leaves the sums of those behind. */
  private static void exps(long s, long end, long step, FloatVector max, long sums) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (long i = s; i < end; i += step) {
      FloatVector x = FloatVector.fromMemorySegment(FLOATS, ALL, i, LE);
      FloatVector e = VectorMath.expOfNegative(x.sub(max));
      e.intoMemorySegment(ALL, i, LE);
      sum = sum.add(e);
    }
    sum.intoMemorySegment(ALL, sums, LE);
  }
}
