package org.tokenformer.engine.model.training;

import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;

/**
 * How many rows are in flight when a model learns, and what is kept of them.
 *
 * @param batch B, sequences of a micro-batch
 * @param sequence S, rows of each
 * @param recompute keep only the inputs of the blocks, and run each block's forward pass again
 *     before its backward pass: much less memory, a third more work
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
          "%d sequences of %d are more than %d tokens; use a smaller batch and accumulate"
              .formatted(batch, sequence, MAX_ROWS));
    }
  }

  /** T: rows in flight. */
  public int rows() {
    return batch * sequence;
  }

  /** Refuses sequences that the model has no positions for. */
  public void checkFits(TokenFormerConfig config) {
    if (sequence > config.contextLength()) {
      throw ConfigException.of(
          "sequence",
          sequence,
          "%d is more than the model's context of %d".formatted(sequence, config.contextLength()));
    }
  }
}
