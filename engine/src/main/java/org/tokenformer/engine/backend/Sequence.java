package org.tokenformer.engine.backend;

import org.jspecify.annotations.Nullable;

/**
 * The rows of a batch that continue one sequence; they are consecutive. A row of a training batch,
 * a chunk of a prompt and one step of a conversation are all sequences.
 *
 * @param rows number of rows, at least 1; the sequences of a batch follow one another
 * @param start position of the first row: the number of positions already in its cache
 * @param cache stores its keys and values, and must have pages {@linkplain KeyValueCache#reserve
 *     reserved} for these rows; null for a sequence processed in a single pass, which must start at
 *     0
 */
public record Sequence(int rows, int start, @Nullable KeyValueCache cache) {
  /** Checks the numbers. */
  public Sequence {
    if (rows < 1 || start < 0 || (cache == null && start != 0)) {
      throw new IllegalArgumentException(
          "sequence must have at least 1 row and start at 0 or later, without a cache at 0, not "
              + rows
              + " rows from position "
              + start);
    }
  }
}
