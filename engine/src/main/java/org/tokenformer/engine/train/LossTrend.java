package org.tokenformer.engine.train;

/**
 * The trend of a run's training loss.
 *
 * @param count losses so far
 * @param smoothed running mean over about the last {@value #SPAN} losses
 * @param lowest the lowest smoothed loss so far
 * @param high number of consecutive latest losses far above the lowest
 */
record LossTrend(long count, double smoothed, double lowest, int high) {
  static final int SPAN = 20;

  /** A run has diverged after this many consecutive high losses. */
  static final int MAX_HIGH = 20;

  /** The trend before the first step. */
  static final LossTrend START = new LossTrend(0, 0, Double.MAX_VALUE, 0);

  LossTrend after(double loss) {
    double next = smoothed + (loss - smoothed) / Math.min(count + 1, SPAN);
    return new LossTrend(
        count + 1, next, Math.min(lowest, next), loss > threshold() ? high + 1 : 0);
  }

  /**
   * Returns the threshold above which a loss is high. A diverged run ends up guessing, at 6 to 8
   * nats after it had reached 3 or 4.
   */
  double threshold() {
    return 1.5 * lowest + 0.5;
  }

  /** Returns the trend after a growth: the lowest loss of the smaller model no longer counts. */
  LossTrend afterGrowth() {
    return new LossTrend(count, smoothed, Double.MAX_VALUE, 0);
  }

  boolean diverged() {
    return high >= MAX_HIGH;
  }
}
