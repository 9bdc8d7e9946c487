package org.tokenformer.engine.measure;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.train.TokenSource;

/**
 * Computes the mean loss over a stream of ids of any length, in windows of the model's context
 * length without overlap. All positions of a window are predicted, from that window only. Ids that
 * do not fill a last window are dropped: n ids give ⌊(n − 1)/context⌋ windows. Used by one thread.
 */
public final class Evaluator implements AutoCloseable {
  private static final int CHUNK = 1 << 12;

  private final Scorer scorer;
  private final int context;
  private final int[] window; // a window's inputs and the target of the last one
  private int filled;
  private long ids;
  private long tokens;
  private double sum;

  /** Creates an evaluator for one stream of ids. */
  public Evaluator(TokenFormer model) {
    context = model.config().contextLength();
    window = new int[context + 1];
    scorer = new Scorer(model, context);
  }

  /**
   * Returns the mean loss over a stream, in nats.
   *
   * @throws org.tokenformer.engine.train.DataTooShortException if the data are shorter than a
   *     window
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
   * Adds the next ids; computes the losses of each window that is full.
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

  /** Returns the number of ids added so far. */
  public long ids() {
    return ids;
  }

  /** Returns the number of ids predicted so far. */
  public long tokens() {
    return tokens;
  }

  /**
   * Returns the mean negative log-probability of the predicted ids, in nats.
   *
   * @throws IllegalStateException if no id was predicted
   */
  public double loss() {
    if (tokens == 0) {
      throw new IllegalStateException("no loss: the ids do not fill a window");
    }
    return sum / tokens;
  }

  @Override
  public void close() {
    scorer.close();
  }
}
