package org.tokenformer.engine.model;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Attention between tokens and learnable parameter tokens; replaces every linear projection (paper,
 * section 3.2).
 *
 * @param tokens keys and values with their Θ and τ
 */
public record Pattention(ParameterTokens tokens) {
  /**
   * Computes y = Θ(x·Kᵀ)·W, with x (T, C) and y (T, C').
   *
   * @param saved receives the scores for a backward pass; null for inference
   */
  void forward(Backend backend, Tensor x, @Nullable SavedScores saved, Tensor y) {
    backend.pattention(x, tokens, saved, y);
  }
}
