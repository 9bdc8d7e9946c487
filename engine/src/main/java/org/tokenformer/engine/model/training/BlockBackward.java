package org.tokenformer.engine.model.training;

import java.util.Objects;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.ParameterGradients;
import org.tokenformer.engine.model.Activations;
import org.tokenformer.engine.model.Activations.Saved;
import org.tokenformer.engine.model.Block;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.PassContext;
import org.tokenformer.engine.model.Pattention;
import org.tokenformer.engine.model.PerPattention;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The backward pass of one {@link Block}: computes the gradients of its input and of its parameter
 * tokens from the gradient of its output.
 */
final class BlockBackward {
  private final PassContext pass;
  private final Backend backend;
  private final Block block;
  private final PerPattention<Pattention> pattentions;
  private final Activations a;
  private final Saved saved;
  private final PerPattention<ParameterGradients> weights;
  private final ActivationGradients d;

  /**
   * Prepares the backward pass of one block.
   *
   * @param pass the context, with the negated rotation angles of the forward pass
   * @param a activations of the forward pass
   * @param weights gradients of the parameter tokens, which are added to
   * @param d gradients of activations
   */
  BlockBackward(
      PassContext pass,
      Block block,
      Activations a,
      PerPattention<ParameterGradients> weights,
      ActivationGradients d) {
    this.pass = pass;
    backend = pass.backend();
    this.block = block;
    pattentions = block.pattentions();
    this.a = a;
    saved = Objects.requireNonNull(a.saved(), "the forward pass saved nothing");
    this.weights = weights;
    this.d = d;
  }

  /** Replaces the gradient of the output in {@code d.stream()}, (T, C), by that of the input. */
  void run() {
    backend.zero(d.normed());
    pattention(BlockPattention.FFN, a.normedMiddle(), d.stream(), d.normed());
    backend.layerNormBackward(
        a.middle(), null, block.epsilon(), d.normed(), d.stream(), null, null);

    selfAttention();
    backend.layerNormBackward(a.input(), null, block.epsilon(), d.normed(), d.stream(), null, null);
  }

  /** Computes {@code d.normed()} from {@code d.stream()}, the gradient of the branch. */
  private void selfAttention() {
    int heads = block.attention().heads();
    backend.zero(d.attended());
    pattention(BlockPattention.PROJECTION, a.attended(), d.stream(), d.attended());
    attention(heads);
    backend.rotary(d.query(), heads, pass.rotary(), pass.sequences());
    backend.rotary(d.key(), heads, pass.rotary(), pass.sequences());
    backend.zero(d.normed());
    pattention(BlockPattention.QUERY, a.normed(), d.query(), d.normed());
    pattention(BlockPattention.KEY, a.normed(), d.key(), d.normed());
    pattention(BlockPattention.VALUE, a.normed(), d.value(), d.normed());
  }

  private void attention(int heads) {
    backend.zero(d.query());
    backend.zero(d.key());
    backend.zero(d.value());
    backend.attentionBackward(
        a.query(),
        a.key(),
        a.value(),
        heads,
        pass.sequences(),
        saved.logSums(),
        a.attended(),
        d.attended(),
        d.query(),
        d.key(),
        d.value());
  }

  /** Adds the gradients of K, W and x that follow from dy (T, C') to those of K and W and to dx. */
  private void pattention(BlockPattention which, Tensor x, Tensor dy, Tensor dx) {
    backend.pattentionBackward(
        x, pattentions.get(which).tokens(), saved.scores().get(which), dy, weights.get(which), dx);
  }
}
