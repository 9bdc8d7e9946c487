package org.tokenformer.engine.backend;

import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * What the forward pass of a Pattention leaves for its backward pass: the scores s before Θ. Θ
 * itself is computed anew, which costs little beside the products.
 *
 * @param scores {@link #shape(long, long)}, F32; the order of the elements is the backend's own
 * @param dropout on Θ
 */
public record SavedScores(Tensor scores, Dropout dropout) {
  /** Rows are kept in whole groups of so many. */
  private static final int ROWS = 64;

  /** The shape that holds the scores of T rows against N parameter tokens: (T rounded up, N). */
  public static Shape shape(long rows, long parameterTokens) {
    return Shape.of(roundedUp(rows), parameterTokens);
  }

  /** The first size of that shape. */
  static long roundedUp(long rows) {
    return (rows + ROWS - 1) / ROWS * ROWS;
  }
}
