package org.tokenformer.engine.model;

/**
 * One layer: h = x + Attn(LN(x)), out = h + FFN(LN(h)). Its layer normalisations have no
 * parameters, and its feed-forward network is one Pattention.
 */
public record Block(SelfAttention attention, Pattention ffn, float epsilon) {
  /** Adds both branches to {@code step.x()}, (T, C). */
  void forward(Step step) {
    step.backend().layerNorm(step.x(), null, null, epsilon, step.normed());
    attention.forward(step);
    step.backend().add(step.x(), step.branch(), step.x());

    step.backend().layerNorm(step.x(), null, null, epsilon, step.normed());
    ffn.forward(step.backend(), step.normed(), step.branch());
    step.backend().add(step.x(), step.branch(), step.x());
  }
}
