package org.tokenformer.engine.train;

/**
 * Where a run stands. With weights, moments, data and options it is all that the next step hangs
 * on.
 *
 * @param step steps done
 * @param tokens ids learned from
 * @param position in the data
 * @param trend of the loss
 * @param growths how many times the model has grown
 */
record Progress(
    int step, long tokens, WindowSampler.Position position, LossTrend trend, int growths) {
  /** Before the first step. */
  static final Progress START =
      new Progress(0, 0, new WindowSampler.Position(0, 0), LossTrend.START, 0);
}
