package org.tokenformer.engine.generate;

/**
 * Natural log-probabilities that the model itself assigns to the next id: the log-softmax over the
 * ids of the vocabulary, before mask, bias, penalties and temperature. Reuses its arrays; used by
 * one thread.
 */
public final class LogProbabilities {
  private final float[] logits; // last read
  private final int[] best; // ids, the most probable first
  private double logSum;

  /**
   * Creates an object that has read no logits yet.
   *
   * @param vocabulary number of ids, starting at 0; the logits after them are padding
   * @param most how many of the most probable ids to find; limited to all ids
   */
  public LogProbabilities(int vocabulary, int most) {
    logits = new float[vocabulary];
    best = new int[Math.min(most, vocabulary)];
  }

  /**
   * Reads the logits of one position.
   *
   * @param position at least as many logits as there are ids
   * @throws ArithmeticException if one of them is NaN or positive infinity, or if all are negative
   *     infinity
   */
  public void read(float[] position) {
    System.arraycopy(position, 0, logits, 0, logits.length);
    double largest = logits[Sampler.best(logits, logits.length)];
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - largest);
    }
    logSum = largest + Math.log(sum);
    int found = 0;
    for (int id = 0; id < logits.length; id++) {
      if (found < best.length) {
        insert(id, found++);
      } else if (found > 0 && logits[id] > logits[best[found - 1]]) {
        insert(id, found - 1);
      }
    }
  }

  /** Inserts an id before all less probable ones; of equally probable ids the smaller is first. */
  private void insert(int id, int last) {
    int rank = last;
    for (; rank > 0 && logits[id] > logits[best[rank - 1]]; rank--) {
      best[rank] = best[rank - 1];
    }
    best[rank] = id;
  }

  /** Returns the log-probability of an id; negative infinity if its probability is 0. */
  public double of(int id) {
    return logits[id] - logSum;
  }

  /** Returns how many of the most probable ids are found. */
  public int count() {
    return best.length;
  }

  /**
   * Returns one of the most probable ids.
   *
   * @param rank 0 for the most probable; below {@link #count}
   */
  public int id(int rank) {
    return best[rank];
  }
}
