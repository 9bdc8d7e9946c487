package org.tokenformer.engine.backend;

import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The scores s before Θ, saved by the forward pass of a Pattention for its backward pass. Θ itself
 * is recomputed, which costs little compared with the matrix products.
 *
 * @param scores {@link #shape(long, long)}, F32; the order of the elements depends on the backend
 * @param dropout on Θ
 */
public record SavedScores(Tensor scores, Dropout dropout) {
  /** Rows are stored in whole groups of this size. */
  private static final int ROWS = 64;

  /** Returns the shape for the scores of T rows and N parameter tokens: (T rounded up, N). */
  public static Shape shape(long rows, long parameterTokens) {
    return Shape.of(roundedUp(rows), parameterTokens);
  }

  /** Returns the number of rows of that shape. */
  static long roundedUp(long rows) {
    return (rows + ROWS - 1) / ROWS * ROWS;
  }
}
