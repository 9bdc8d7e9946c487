package org.tokenformer.engine.model;

import org.tokenformer.engine.backend.Backend;

/**
 * One layer: h = x + Attn(LN(x)), out = h + FFN(LN(h)). Its layer normalisations have no
 * parameters, and its feed-forward network is one Pattention.
 */
public record Block(SelfAttention attention, Pattention ffn, float epsilon) {
  /** Creates a block from its five Pattentions. */
  public static Block of(PerPattention<Pattention> all, int heads, int layer, float epsilon) {
    var attention =
        new SelfAttention(all.query(), all.key(), all.value(), all.projection(), heads, layer);
    return new Block(attention, all.ffn(), epsilon);
  }

  /** Returns its five Pattentions. */
  public PerPattention<Pattention> pattentions() {
    return new PerPattention<>(
        attention.query(), attention.key(), attention.value(), attention.projection(), ffn);
  }

  /** Computes {@code a.output()} from {@code a.input()}, both (T, C). */
  public void forward(PassContext pass, Activations a) {
    Backend backend = pass.backend();
    backend.layerNorm(a.input(), null, null, epsilon, a.normed());
    attention.forward(pass, a);
    backend.add(a.input(), a.branch(), a.middle());

    backend.layerNorm(a.middle(), null, null, epsilon, a.normedMiddle());
    ffn.forward(backend, a.normedMiddle(), a.scores(BlockPattention.FFN), a.branch());
    backend.add(a.middle(), a.branch(), a.output());
  }
}
