package org.tokenformer.engine.model;

import java.util.Objects;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.model.training.ActivationGradients;
import org.tokenformer.engine.model.training.BlockGradients;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Multi-head causal attention whose four projections are Pattentions (paper, equation 6).
 *
 * @param heads H
 * @param layer which layer of the caches is its own
 */
public record SelfAttention(
    Pattention query,
    Pattention key,
    Pattention value,
    Pattention projection,
    int heads,
    int layer) {
  /** With the first tokens of each Pattention only. */
  public SelfAttention first(TokenShare share) {
    return new SelfAttention(
        query.first(share),
        key.first(share),
        value.first(share),
        projection.first(share),
        heads,
        layer);
  }

  /** From {@code a.normed()} to {@code a.branch()}, both (T, C). */
  public void forward(Pass pass, Activations a) {
    Backend backend = pass.backend();
    query.forward(backend, a.normed(), a.saved().query(), a.query());
    key.forward(backend, a.normed(), a.saved().key(), a.key());
    value.forward(backend, a.normed(), a.saved().value(), a.value());
    backend.rotary(a.query(), heads, pass.rotary(), pass.sequences());
    backend.rotary(a.key(), heads, pass.rotary(), pass.sequences());
    backend.attention(
        a.query(),
        a.key(),
        a.value(),
        heads,
        layer,
        pass.sequences(),
        a.saved().logSums(),
        a.attended());
    projection.forward(backend, a.attended(), a.saved().projection(), a.branch());
  }

  /**
   * From {@code d.stream()}, the gradient of the branch, to {@code d.normed()}.
   *
   * @param a as the forward pass left them
   * @param weights are added to
   */
  public void backward(Pass pass, Activations a, BlockGradients weights, ActivationGradients d) {
    Backend backend = pass.backend();
    backend.zero(d.attended());
    projection.backward(
        backend,
        a.attended(),
        a.saved().projection(),
        d.stream(),
        weights.projection(),
        d.attended());
    attentionBackward(pass, a, d);
    backend.rotary(d.query(), heads, pass.rotary(), pass.sequences());
    backend.rotary(d.key(), heads, pass.rotary(), pass.sequences());
    backend.zero(d.normed());
    query.backward(backend, a.normed(), a.saved().query(), d.query(), weights.query(), d.normed());
    key.backward(backend, a.normed(), a.saved().key(), d.key(), weights.key(), d.normed());
    value.backward(backend, a.normed(), a.saved().value(), d.value(), weights.value(), d.normed());
  }

  private void attentionBackward(Pass pass, Activations a, ActivationGradients d) {
    Tensor logSums = Objects.requireNonNull(a.saved().logSums(), "the forward pass kept no sums");
    pass.backend().zero(d.query());
    pass.backend().zero(d.key());
    pass.backend().zero(d.value());
    pass.backend()
        .attentionBackward(
            a.query(),
            a.key(),
            a.value(),
            heads,
            pass.sequences(),
            logSums,
            a.attended(),
            d.attended(),
            d.query(),
            d.key(),
            d.value());
  }
}
