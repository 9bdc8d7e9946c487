package org.tokenformer.engine.model;

import java.util.List;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.model.training.ActivationGradients;
import org.tokenformer.engine.model.training.BlockGradients;

/**
 * One layer: h = x + Attn(LN(x)), out = h + FFN(LN(h)). Its layer normalisations have no
 * parameters, and its feed-forward network is one Pattention.
 */
public record Block(SelfAttention attention, Pattention ffn, float epsilon) {
  /** Its Pattentions in the order of {@link TensorNames#PATTENTIONS}. */
  public List<Pattention> pattentions() {
    return List.of(
        attention.query(), attention.key(), attention.value(), attention.projection(), ffn);
  }

  /** With the first tokens of each Pattention only. */
  public Block first(TokenShare share) {
    return new Block(attention.first(share), ffn.first(share), epsilon);
  }

  /** From {@code a.input()} to {@code a.output()}, both (T, C). */
  public void forward(Pass pass, Activations a) {
    Backend backend = pass.backend();
    backend.layerNorm(a.input(), null, null, epsilon, a.normed());
    attention.forward(pass, a);
    backend.add(a.input(), a.branch(), a.middle());

    backend.layerNorm(a.middle(), null, null, epsilon, a.normedMiddle());
    ffn.forward(backend, a.normedMiddle(), a.saved().ffn(), a.branch());
    backend.add(a.middle(), a.branch(), a.output());
  }

  /**
   * Turns the gradient of the output, {@code d.stream()} (T, C), into that of the input.
   *
   * @param a as the forward pass left them
   * @param weights are added to
   */
  public void backward(Pass pass, Activations a, BlockGradients weights, ActivationGradients d) {
    Backend backend = pass.backend();
    backend.zero(d.normed());
    ffn.backward(backend, a.normedMiddle(), a.saved().ffn(), d.stream(), weights.ffn(), d.normed());
    backend.layerNormBackward(a.middle(), null, epsilon, d.normed(), d.stream(), null, null);

    attention.backward(pass, a, weights, d);
    backend.layerNormBackward(a.input(), null, epsilon, d.normed(), d.stream(), null, null);
  }
}
