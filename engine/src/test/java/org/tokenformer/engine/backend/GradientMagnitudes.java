package org.tokenformer.engine.backend;

/**
 * The magnitudes relative to which errors of gradients are measured: the same sums as in the
 * gradients, but of absolute values, so that nothing cancels, in double. All matrices are arrays of
 * rows.
 */
final class GradientMagnitudes {
  /** Tolerance of a gradient relative to its magnitude. */
  static final double TOLERANCE = 2e-5;

  /**
   * A score is uncertain by some units of 2⁻²⁴ of Σ|x·K|, and values derived from it by that times
   * their slope: this fraction of the magnitude, in units of {@link #TOLERANCE}.
   */
  private static final double ROUNDING = 4 * 0x1p-24 / TOLERANCE;

  private static final double STEEPEST = 1.13; // the largest slope of gelu

  private GradientMagnitudes() {}

  /** Magnitudes of θ and of the scores' gradient, (T, N) each. */
  static final class Scores {
    final double[][] theta;
    final double[][] gradient;

    private Scores(int rows) {
      theta = new double[rows][];
      gradient = new double[rows][];
    }
  }

  /**
   * Returns the magnitudes for {@link Backend#pattentionBackward}.
   *
   * @param scale scale of the dropout
   */
  static Scores pattention(
      Theta kind,
      double tau,
      double scale,
      double[][] x,
      double[][] keys,
      double[][] values,
      double[][] dy) {
    double[][] scores = product(x, keys);
    double[][] terms = product(absolute(x), absolute(keys));
    double[][] dTheta = product(absolute(dy), absolute(values));
    Scores all = new Scores(x.length);
    for (int t = 0; t < x.length; t++) {
      row(kind, tau, scores[t], terms[t], dTheta[t], scale, t, all);
    }
    return all;
  }

  private static void row(
      Theta kind,
      double tau,
      double[] s,
      double[] terms,
      double[] dTheta,
      double scale,
      int t,
      Scores all) {
    double[] v = s.clone();
    for (int n = 0; kind == Theta.GELU_L2_NORM && n < s.length; n++) {
      v[n] = gelu(s[n]);
    }
    if (kind == Theta.SOFTMAX) {
      softmax(v);
    }
    double norm = kind == Theta.SOFTMAX ? 1 : Math.sqrt(dot(v, v));
    double worst = 0;
    for (double term : terms) {
      worst = Math.max(worst, term);
    }
    double doubt =
        1
            + ROUNDING
                * worst
                * switch (kind) {
                  case L2_NORM_GELU -> (tau + Math.sqrt(s.length)) / norm;
                  case GELU_L2_NORM -> 1 + Math.sqrt(s.length) / norm;
                  case SOFTMAX -> 1;
                };
    double along = 0;
    for (int n = 0; n < s.length; n++) {
      along += Math.abs(v[n]) * dTheta[n] / norm;
    }
    all.theta[t] = new double[s.length];
    all.gradient[t] = new double[s.length];
    for (int n = 0; n < s.length && norm > 0; n++) {
      boolean softmax = kind == Theta.SOFTMAX;
      double size = softmax ? v[n] : Math.abs(s[n]) + ROUNDING * terms[n];
      double slope = softmax ? v[n] : STEEPEST;
      double part = softmax ? along : Math.abs(v[n]) * along / norm;
      all.theta[t][n] = scale * tau / norm * size * doubt;
      all.gradient[t][n] = scale * tau / norm * slope * (dTheta[n] + part) * doubt;
    }
  }

  /** Magnitudes of one head's attention weights and scaled scores' gradient, (T, T) each. */
  static Scores attention(double[][] q, double[][] k, double[][] v, double[][] dy) {
    double root = Math.sqrt(q[0].length);
    double[][] scores = product(q, k);
    double[][] terms = product(absolute(q), absolute(k));
    double[][] dWeights = product(absolute(dy), absolute(v));
    Scores all = new Scores(q.length);
    for (int i = 0; i < q.length; i++) {
      double[] p = new double[i + 1];
      double worst = 1;
      for (int j = 0; j <= i; j++) {
        p[j] = scores[i][j] / root;
        worst = Math.max(worst, terms[i][j] / root);
      }
      softmax(p);
      double along = 0;
      for (int j = 0; j <= i; j++) {
        along += p[j] * dWeights[i][j];
      }
      all.theta[i] = new double[q.length];
      all.gradient[i] = new double[q.length];
      for (int j = 0; j <= i; j++) {
        all.theta[i][j] = p[j] * (1 + ROUNDING * worst);
        all.gradient[i][j] = all.theta[i][j] * (dWeights[i][j] + along) / root;
      }
    }
    return all;
  }

  /** For {@link Backend#layerNormBackward}: of x's gradient (T, C), then of the weight's, a row. */
  static double[][] layerNorm(double[][] x, double[] weight, double epsilon, double[][] dy) {
    int channels = weight.length;
    double[][] all = new double[x.length + 1][channels];
    for (int t = 0; t < x.length; t++) {
      double mean = 0;
      double square = 0;
      double size = 0;
      for (int c = 0; c < channels; c++) {
        mean += x[t][c] / channels;
        square += x[t][c] * x[t][c] / channels;
        size = Math.max(size, Math.abs(x[t][c]));
      }
      double scale = 1 / Math.sqrt(Math.max(square - mean * mean, 0) + epsilon);
      double across = 0;
      double along = 0;
      for (int c = 0; c < channels; c++) {
        double term = Math.abs(dy[t][c] * weight[c]) / channels;
        across += term;
        along += term * (Math.abs((x[t][c] - mean) * scale) + ROUNDING * size * scale);
      }
      for (int c = 0; c < channels; c++) {
        double normal = Math.abs((x[t][c] - mean) * scale) + ROUNDING * size * scale;
        double term = Math.abs(dy[t][c] * weight[c]);
        all[t][c] = scale * (term + across + normal * along);
        all[x.length][c] += Math.abs(dy[t][c]) * normal;
      }
    }
    return all;
  }

  /** Returns a·bᵀ. */
  static double[][] product(double[][] a, double[][] b) {
    double[][] product = new double[a.length][b.length];
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < b.length; j++) {
        product[i][j] = dot(a[i], b[j]);
      }
    }
    return product;
  }

  static double[][] transposed(double[][] a, int columns) {
    double[][] t = new double[columns][a.length];
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < columns; j++) {
        t[j][i] = a[i][j];
      }
    }
    return t;
  }

  static double[][] absolute(double[][] a) {
    double[][] b = new double[a.length][];
    for (int i = 0; i < a.length; i++) {
      b[i] = new double[a[i].length];
      for (int j = 0; j < b[i].length; j++) {
        b[i][j] = Math.abs(a[i][j]);
      }
    }
    return b;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static void softmax(double[] s) {
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
  }

  /** Uses the logistic approximation, which is accurate enough for a magnitude. */
  private static double gelu(double x) {
    return x / (1 + Math.exp(-1.702 * x));
  }
}
