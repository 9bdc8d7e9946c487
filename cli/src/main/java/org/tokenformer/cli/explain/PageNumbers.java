package org.tokenformer.cli.explain;

/**
 * Encodes numbers in base 64 without characters that need escapes: six bits per digit, most
 * significant first. The script of the page decodes them.
 */
final class PageNumbers {
  private static final String DIGITS =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

  /** The largest one-digit number. */
  static final int MAX = DIGITS.length() - 1;

  private static final int INDEX_DIGITS = 4; // indices below 2²⁴
  private static final int THETA_DIGITS = 2;
  private static final int THETA_ZERO = 2048;

  private PageNumbers() {}

  /** Encodes the strengths of all rows of a strip, one digit each. */
  static String strengths(FiringStrip strip) {
    StringBuilder text = new StringBuilder();
    for (int row = 0; row <= strip.wholeTextRow(); row++) {
      for (int cell = 0; cell < strip.firsts().length; cell++) {
        append(text, level(strip, row, cell), 1);
      }
    }
    return text.toString();
  }

  /** Returns a strength as a number from 0 to {@link #MAX}. */
  static int level(FiringStrip strip, int row, int cell) {
    return Math.round(MAX * strip.fraction(row, cell));
  }

  /**
   * Encodes index and θ of the strongest parameter tokens of all rows; θ in units of 1/2047 of the
   * largest.
   */
  static String strongest(FiringStrip strip) {
    StringBuilder text = new StringBuilder();
    float largest = strip.largestTheta();
    int shown = Math.min(FiringStrip.STRONGEST, strip.count());
    for (int row = 0; row <= strip.wholeTextRow(); row++) {
      for (int i = 0; i < shown; i++) {
        append(text, strip.strongest(row, i), INDEX_DIGITS);
        float theta = largest == 0 ? 0 : strip.theta(row, i) / largest;
        append(text, THETA_ZERO + Math.round((THETA_ZERO - 1) * theta), THETA_DIGITS);
      }
    }
    return text.toString();
  }

  private static void append(StringBuilder text, int number, int digits) {
    for (int digit = digits - 1; digit >= 0; digit--) {
      text.append(DIGITS.charAt(number >> (6 * digit) & MAX));
    }
  }
}
