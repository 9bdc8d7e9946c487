package org.tokenformer.engine.backend;

import org.tokenformer.engine.tensor.Tensor;

/**
 * The angles of rotary position embedding, tabled: row {@code p}, column {@code i} is the cosine or
 * sine of p·base^(−2i/R).
 *
 * @param cosine (positions, R/2), F32
 * @param sine (positions, R/2), F32
 */
public record RotaryTable(Tensor cosine, Tensor sine) {
  /** R: how many channels at the front of each head are rotated. */
  public int dimensions() {
    return Math.toIntExact(2 * cosine.columns());
  }
}
