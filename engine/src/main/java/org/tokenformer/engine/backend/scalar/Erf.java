package org.tokenformer.engine.backend.scalar;

/** The error function, gelu and its derivative, in double precision. */
final class Erf {
  private Erf() {}

  /** Returns the exact gelu: x·½(1 + erf(x/√2)). */
  static double gelu(double x) {
    return x * 0.5 * (1 + erf(x / Math.sqrt(2)));
  }

  /** Returns the derivative of gelu: Φ(x) + x·φ(x). */
  static double geluSlope(double x) {
    return 0.5 * (1 + erf(x / Math.sqrt(2))) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  /** Sums the series 2/√π·exp(−x²)·Σ 2ⁿx²ⁿ⁺¹/(2n+1)!!, whose terms all have the same sign. */
  static double erf(double x) {
    if (Math.abs(x) > 6) {
      return Math.signum(x); // differs by less than 3e-17
    }
    double term = x;
    double sum = x;
    for (int n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
  }
}
