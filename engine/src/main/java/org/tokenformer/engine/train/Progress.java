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
 * @param momentSteps steps of earlier runs that are in the moments
 */
record Progress(
    int step,
    long tokens,
    WindowSampler.Position position,
    LossTrend trend,
    int growths,
    int momentSteps) {
  /** The progress before the first step. */
  static final Progress START = startWithMoments(0);

  /** Returns the progress of a new run that takes over the moments of this many steps. */
  static Progress startWithMoments(int steps) {
    return new Progress(0, 0, new WindowSampler.Position(0, 0), LossTrend.START, 0, steps);
  }

  /** Returns the progress after a step. */
  Progress afterStep(long stepTokens, WindowSampler.Position next, LossTrend losses) {
    return new Progress(step + 1, tokens + stepTokens, next, losses, growths, momentSteps);
  }

  /** Returns the progress after a growth. */
  Progress afterGrowth() {
    return new Progress(step, tokens, position, trend.afterGrowth(), growths + 1, momentSteps);
  }

  /** Returns the number of steps that are in the moments, on which their correction depends. */
  int optimizerSteps() {
    return Math.addExact(momentSteps, step);
  }
}
