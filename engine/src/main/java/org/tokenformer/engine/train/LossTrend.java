package org.tokenformer.engine.train;

/**
 * The trend of a run's training loss.
 *
 * @param count losses so far
 * @param smoothed exponential moving average over about the last {@value #SPAN} losses; like Adam's
 *     moments, it is corrected for its start at 0, so that the first losses are weighted like later
 *     ones
 * @param lowest the lowest smoothed loss so far
 * @param high number of consecutive latest losses far above the lowest
 */
record LossTrend(long count, double smoothed, double lowest, int high) {
  static final int SPAN = 20;

  /** Factor by which each new loss reduces the weight of the earlier ones. */
  private static final double DECAY = 1 - 1.0 / SPAN;

  /** A run has diverged after this many consecutive high losses. */
  static final int MAX_HIGH = 20;

  /** The trend before the first step. */
  static final LossTrend START = new LossTrend(0, 0, Double.MAX_VALUE, 0);

  LossTrend after(double loss) {
    // The corrected average (1 - d) Σ dⁱ lossₙ₋ᵢ / (1 - dⁿ), as a step from its last value.
    double weight = (1 - DECAY) / (1 - StrictMath.pow(DECAY, count + 1.0));
    double next = smoothed + (loss - smoothed) * weight;
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
