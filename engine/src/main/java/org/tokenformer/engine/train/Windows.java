package org.tokenformer.engine.train;

import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.training.TrainingShape;

/** The inputs and targets of a micro-batch, read from windows of a stream. */
final class Windows {
  private final TokenSource data;
  private final int sequence;
  private final int vocabulary;
  private final int[] window; // S + 1
  private final int[] ids; // (B, S)
  private final int[] targets; // (B, S)

  Windows(TokenSource data, TrainingShape shape, TokenFormerConfig config) {
    this.data = data;
    sequence = shape.sequence();
    vocabulary = config.tokenizerVocabularySize();
    window = new int[sequence + 1];
    ids = new int[shape.rows()];
    targets = new int[shape.rows()];
  }

  /**
   * Reads one window.
   *
   * @param row of the micro-batch
   * @param from index of its first id in the stream
   */
  void read(int row, long from) {
    data.read(from, window, 0, window.length);
    for (int i = 0; i < window.length; i++) {
      if (window[i] < 0 || window[i] >= vocabulary) {
        throw new TrainingDataException(
            ("the training data contain id %d at position %d, which is not between 0 and %d; prepare"
                    + " them with the model's own tokenizer")
                .formatted(window[i], from + i, vocabulary - 1));
      }
    }
    System.arraycopy(window, 0, ids, row * sequence, sequence);
    System.arraycopy(window, 1, targets, row * sequence, sequence);
  }

  int[] ids() {
    return ids;
  }

  int[] targets() {
    return targets;
  }
}
