package org.tokenformer.engine.backend;

import org.tokenformer.engine.tensor.Tensor;

/**
 * A table of the angles of rotary position embedding: row {@code p}, column {@code i} holds the
 * cosine or sine of p·base^(−2i/R).
 *
 * @param cosine (positions, R/2), F32
 * @param sine (positions, R/2), F32
 */
public record RotaryTable(Tensor cosine, Tensor sine) {
  /** Returns R, the number of leading channels of each head that are rotated. */
  public int dimensions() {
    return Math.toIntExact(2 * cosine.columns());
  }
}
