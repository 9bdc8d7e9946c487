package org.tokenformer.engine.train;

/**
 * How the loss of a run goes.
 *
 * @param count losses so far
 * @param smoothed their mean, over about the last {@value #SPAN}
 * @param lowest the lowest smoothed one so far
 * @param high how many of the last losses in a row lay far above it
 */
record LossTrend(long count, double smoothed, double lowest, int high) {
  static final int SPAN = 20;

  /** At least so many high losses in a row are no bad luck with the data. */
  static final int MAX_HIGH = 20;

  /** Before the first step. */
  static final LossTrend START = new LossTrend(0, 0, Double.MAX_VALUE, 0);

  LossTrend after(double loss) {
    double next = smoothed + (loss - smoothed) / Math.min(count + 1, SPAN);
    return new LossTrend(count + 1, next, Math.min(lowest, next), loss > highest() ? high + 1 : 0);
  }

  /**
   * What a loss has to exceed to be high. A run that diverges ends up guessing, at 6 to 8 nats
   * where it had reached 3 or 4.
   */
  double highest() {
    return 1.5 * lowest + 0.5;
  }

  /** When the model has become another one: what it had reached counts no more. */
  LossTrend afresh() {
    return new LossTrend(count, smoothed, Double.MAX_VALUE, 0);
  }

  boolean exploded() {
    return high >= MAX_HIGH;
  }
}
