package org.tokenformer.engine.train;

/**
 * The progress of a run. The next step depends only on it, the weights, the moments, the data and
 * the options.
 *
 * @param step steps done
 * @param tokens tokens trained on
 * @param position of the next window in the data
 * @param trend of the loss
 * @param growths number of growths so far
 */
record Progress(
    int step, long tokens, WindowSampler.Position position, LossTrend trend, int growths) {
  /** The progress before the first step. */
  static final Progress START =
      new Progress(0, 0, new WindowSampler.Position(0, 0), LossTrend.START, 0);
}
