package org.tokenformer.engine.backend;

import org.jspecify.annotations.Nullable;

/**
 * One sequence's part in a batch: consecutive rows of the activations that continue it. A row of a
 * training batch, a chunk of a prompt and one step of a conversation are all sequences.
 *
 * @param rows how many rows belong to it, at least 1; the sequences of a batch follow each other
 * @param start the position of its first row: how many positions its cache already holds
 * @param cache where its keys and values are kept, with pages {@linkplain KeyValueCache#reserve
 *     reserved} for these rows; or null for a sequence that is seen once and whole, which must
 *     start at 0
 */
public record Sequence(int rows, int start, @Nullable KeyValueCache cache) {
  /** Checks the numbers. */
  public Sequence {
    if (rows < 1 || start < 0 || (cache == null && start != 0)) {
      throw new IllegalArgumentException("sequence of " + rows + " rows at position " + start);
    }
  }
}
