package org.tokenformer.engine.measure;

/** How probable a continuation is after its context, and whether a model would have written it. */
public final class ContinuationScore {
  private final float[] logProbabilities;
  private final boolean greedy;

  ContinuationScore(float[] logProbabilities, boolean greedy) {
    this.logProbabilities = logProbabilities;
    this.greedy = greedy;
  }

  /**
   * The natural logarithm of the probability of each id, given the context and the ids before it,
   * over all V entries of the vocabulary.
   */
  public float[] logProbabilities() {
    return logProbabilities.clone();
  }

  /** The natural logarithm of the probability of all ids together. */
  public double sum() {
    double sum = 0;
    for (float value : logProbabilities) {
      sum += value;
    }
    return sum;
  }

  /** Whether each id is the most probable one at its place, so that temperature 0 chooses it. */
  public boolean isGreedy() {
    return greedy;
  }
}
