package org.tokenformer.engine.measure;

/** How probable a continuation is after its context, and whether greedy decoding generates it. */
public final class ContinuationScore {
  private final float[] logProbabilities;
  private final boolean greedy;

  ContinuationScore(float[] logProbabilities, boolean greedy) {
    this.logProbabilities = logProbabilities;
    this.greedy = greedy;
  }

  /**
   * Returns the natural log-probability of each id, given the context and the preceding ids, over
   * all V entries of the vocabulary.
   */
  public float[] logProbabilities() {
    return logProbabilities.clone();
  }

  /** Returns the natural log-probability of the whole continuation. */
  public double sum() {
    double sum = 0;
    for (float value : logProbabilities) {
      sum += value;
    }
    return sum;
  }

  /** Returns whether each id is the most probable at its position, as temperature 0 chooses. */
  public boolean isGreedy() {
    return greedy;
  }
}
