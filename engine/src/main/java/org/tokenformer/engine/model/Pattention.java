package org.tokenformer.engine.model;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.ParameterGradients;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Attention between tokens and learnable parameter tokens, which takes the place of every weight
 * matrix (paper, section 3.2).
 *
 * @param tokens keys and values under Θ and τ
 */
public record Pattention(ParameterTokens tokens) {
  /** With the first of its tokens only; τ stays. */
  public Pattention first(TokenShare share) {
    return new Pattention(tokens.first(share.of(Math.toIntExact(tokens.count()))));
  }

  /** y = Θ(x·Kᵀ)·W, with x (T, C) and y (T, C'). */
  public void forward(Backend backend, Tensor x, @Nullable SavedScores saved, Tensor y) {
    backend.pattention(x, tokens, saved, y);
  }

  /** Adds what dy (T, C') says of K and W to their gradients, and what it says of x to dx. */
  public void backward(
      Backend backend,
      Tensor x,
      @Nullable SavedScores saved,
      Tensor dy,
      ParameterGradients gradients,
      Tensor dx) {
    SavedScores scores = Objects.requireNonNull(saved, "the forward pass kept no scores");
    backend.pattentionBackward(x, tokens, scores, dy, gradients, dx);
  }
}
