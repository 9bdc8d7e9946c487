package org.tokenformer.engine.measure;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.train.TokenSource;

/**
 * The mean loss over a stream of ids of any length: windows of the model's context without overlap,
 * each predicting all its positions from nothing but the window itself. What does not fill a last
 * window is dropped: n ids are ⌊(n − 1)/context⌋ windows. One thread.
 */
public final class Evaluator implements AutoCloseable {
  private static final int CHUNK = 1 << 12;

  private final Scorer scorer;
  private final int context;
  private final int[] window; // a window's inputs, and the last one's target
  private int filled;
  private long ids;
  private long tokens;
  private double sum;

  /** For one stream of ids. */
  public Evaluator(TokenFormer model) {
    context = model.config().contextLength();
    window = new int[context + 1];
    scorer = new Scorer(model, context);
  }

  /**
   * The mean loss over a stream, in nats.
   *
   * @throws org.tokenformer.engine.train.DataTooShortException if it fills no window
   * @throws java.util.concurrent.CancellationException if cancelled
   */
  public static double loss(
      TokenFormer model, TokenSource data, @Nullable Cancellation cancellation) {
    data.requireWindow(model.config().contextLength());
    try (Evaluator evaluator = new Evaluator(model)) {
      for (long from = 0; from < data.size(); from += CHUNK) {
        int[] ids = new int[(int) Math.min(CHUNK, data.size() - from)];
        data.read(from, ids, 0, ids.length);
        evaluator.accept(ids, cancellation);
      }
      return evaluator.loss();
    }
  }

  /**
   * Takes the next ids; computes whenever a window is full.
   *
   * @throws IndexOutOfBoundsException if one of them is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if cancelled
   */
  public void accept(int[] next, @Nullable Cancellation cancellation) {
    ids += next.length;
    int from = 0;
    while (from < next.length) {
      int count = Math.min(window.length - filled, next.length - from);
      System.arraycopy(next, from, window, filled, count);
      from += count;
      filled += count;
      if (filled == window.length) {
        for (float loss : scorer.losses(window, 0, context, cancellation)) {
          sum += loss;
        }
        tokens += context;
        window[0] = window[context]; // the last target is the next window's first input
        filled = 1;
      }
    }
  }

  /** Ids taken so far. */
  public long ids() {
    return ids;
  }

  /** Ids predicted so far. */
  public long tokens() {
    return tokens;
  }

  /**
   * Mean negative log-probability of the ids that were predicted, in nats.
   *
   * @throws IllegalStateException if there were none
   */
  public double loss() {
    if (tokens == 0) {
      throw new IllegalStateException("no window was filled");
    }
    return sum / tokens;
  }

  @Override
  public void close() {
    scorer.close();
  }
}
