package org.tokenformer.engine.model.training;

import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;

/**
 * The shape of a micro-batch in training, and whether its activations are kept or recomputed.
 *
 * @param batch B, sequences per micro-batch
 * @param sequence S, rows per sequence
 * @param recompute whether to keep only the inputs of the blocks and rerun each block's forward
 *     pass before its backward pass: much less memory for a third more computation
 */
public record TrainingShape(int batch, int sequence, boolean recompute) {
  private static final int MAX_ROWS = 1 << 24;

  /** Checks the numbers. */
  public TrainingShape {
    if (batch < 1) {
      throw ConfigException.notAllowed("batch", batch, "at least 1");
    }
    if (sequence < 1) {
      throw ConfigException.notAllowed("sequence", sequence, "at least 1");
    }
    if ((long) batch * sequence > MAX_ROWS) {
      throw ConfigException.of(
          "batch",
          batch,
          "%d sequences of length %d exceed %d tokens; use a smaller batch and accumulate"
              .formatted(batch, sequence, MAX_ROWS));
    }
  }

  /** Returns T, the rows of a micro-batch. */
  public int rows() {
    return batch * sequence;
  }

  /** Checks that a sequence fits the model's context. */
  public void checkFits(TokenFormerConfig config) {
    if (sequence > config.contextLength()) {
      throw ConfigException.of(
          "sequence",
          sequence,
          "%d is more than the model's context of %d".formatted(sequence, config.contextLength()));
    }
  }
}
