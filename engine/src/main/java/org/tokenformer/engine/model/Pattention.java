package org.tokenformer.engine.model;

import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Attention between tokens and learnable parameter tokens, which takes the place of every weight
 * matrix (paper, section 3.2).
 *
 * @param tokens keys and values under Θ and τ
 */
public record Pattention(ParameterTokens tokens) {
  /** y = Θ(x·Kᵀ)·W, with x (T, C) and y (T, C'). */
  void forward(Backend backend, Tensor x, Tensor y) {
    backend.pattention(x, tokens, y);
  }
}
