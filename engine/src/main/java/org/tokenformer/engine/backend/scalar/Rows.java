package org.tokenformer.engine.backend.scalar;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.tensor.Tensor;

/** Arithmetic on rows of numbers. */
final class Rows {
  private Rows() {}

  /** Returns the keys or the values in use, of all segments in order. */
  static double[][] inUse(
      ParameterTokens tokens, Function<ParameterTokens.Segment, Tensor> keysOrValues) {
    List<double[]> rows = new ArrayList<>();
    for (ParameterTokens.Segment segment : tokens.segments()) {
      Tensor used = keysOrValues.apply(segment).rows(0, segment.rows());
      rows.addAll(List.of(Matrix.of(used).all()));
    }
    return rows.toArray(double[][]::new);
  }

  /** Returns q·k/√D for each of the first {@code count} keys. */
  static double[] scaledScores(double[] q, double[][] k, int count) {
    double[] s = new double[count];
    for (int p = 0; p < count; p++) {
      s[p] = dot(q, k[p]) / Math.sqrt(q.length);
    }
    return s;
  }

  static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  /** Replaces the numbers by their softmax; returns ln Σexp of the original numbers. */
  static double softmax(double[] s) {
    double max = Double.NEGATIVE_INFINITY;
    for (double v : s) {
      max = Math.max(max, v);
    }
    double sum = 0;
    for (int i = 0; i < s.length; i++) {
      s[i] = Math.exp(s[i] - max);
      sum += s[i];
    }
    for (int i = 0; i < s.length; i++) {
      s[i] /= sum;
    }
    return Math.log(sum) + max;
  }

  /** Returns the gradient of s, given that of p = softmax(s): p⊙(dp − p·dp). */
  static double[] softmaxBackward(double[] p, double[] dp) {
    double mean = dot(p, dp);
    double[] ds = new double[p.length];
    for (int i = 0; i < p.length; i++) {
      ds[i] = p[i] * (dp[i] - mean);
    }
    return ds;
  }

  /** Replaces x by (x − mean)/√(variance + ε); returns 1/√(variance + ε). */
  static double normalise(double[] x, double epsilon) {
    double mean = 0;
    for (double v : x) {
      mean += v / x.length;
    }
    double variance = 0;
    for (double v : x) {
      variance += (v - mean) * (v - mean) / x.length;
    }
    double scale = 1 / Math.sqrt(variance + epsilon);
    for (int i = 0; i < x.length; i++) {
      x[i] = (x[i] - mean) * scale;
    }
    return scale;
  }
}
