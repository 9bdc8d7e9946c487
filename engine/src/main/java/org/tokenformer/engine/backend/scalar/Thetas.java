package org.tokenformer.engine.backend.scalar;

import org.tokenformer.engine.backend.Dropout;
import org.tokenformer.engine.backend.Theta;

/** Computes Θ for the scores of one token, and its gradient. */
final class Thetas {
  private Thetas() {}

  /** Returns θ = Θ(s; τ). */
  static double[] apply(Theta kind, double tau, double[] s) {
    return switch (kind) {
      case L2_NORM_GELU -> gelu(toLength(tau, s));
      case GELU_L2_NORM -> toLength(tau, gelu(s));
      case SOFTMAX -> {
        double[] theta = s.clone();
        Rows.softmax(theta);
        yield times(tau, theta);
      }
    };
  }

  /** Returns the gradient of s, given that of θ. */
  static double[] backward(Theta kind, double tau, double[] s, double[] dTheta) {
    return switch (kind) {
      case L2_NORM_GELU -> toLengthBackward(tau, s, geluBackward(toLength(tau, s), dTheta));
      case GELU_L2_NORM -> geluBackward(s, toLengthBackward(tau, gelu(s), dTheta));
      case SOFTMAX -> {
        double[] p = s.clone();
        Rows.softmax(p);
        yield times(tau, Rows.softmaxBackward(p, dTheta));
      }
    };
  }

  /** Applies dropout to a row's θ or to its gradient. */
  static void drop(Dropout dropout, int row, double[] theta) {
    int rowHash = dropout.rowHash(row);
    for (int n = 0; n < theta.length; n++) {
      boolean kept = Dropout.hash(rowHash, n) >= dropout.threshold();
      theta[n] *= kept ? dropout.scale() : 0;
    }
  }

  /** Returns τ·v/‖v‖, or 0 if the norm is 0. */
  private static double[] toLength(double tau, double[] v) {
    double norm = Math.sqrt(Rows.dot(v, v));
    double[] y = new double[v.length];
    for (int n = 0; n < v.length; n++) {
      y[n] = norm == 0 ? 0 : tau * v[n] / norm;
    }
    return y;
  }

  /** Returns (τ/‖v‖)·(dy − v·(v·dy)/‖v‖²), or 0 if the norm is 0. */
  private static double[] toLengthBackward(double tau, double[] v, double[] dy) {
    double norm = Math.sqrt(Rows.dot(v, v));
    double along = Rows.dot(v, dy) / (norm * norm);
    double[] dv = new double[v.length];
    for (int n = 0; n < v.length; n++) {
      dv[n] = norm == 0 ? 0 : tau / norm * (dy[n] - v[n] * along);
    }
    return dv;
  }

  private static double[] gelu(double[] x) {
    double[] y = new double[x.length];
    for (int n = 0; n < x.length; n++) {
      y[n] = Erf.gelu(x[n]);
    }
    return y;
  }

  private static double[] geluBackward(double[] x, double[] dy) {
    double[] dx = new double[x.length];
    for (int n = 0; n < x.length; n++) {
      dx[n] = dy[n] * Erf.geluSlope(x[n]);
    }
    return dx;
  }

  private static double[] times(double factor, double[] v) {
    double[] y = new double[v.length];
    for (int n = 0; n < v.length; n++) {
      y[n] = factor * v[n];
    }
    return y;
  }
}
