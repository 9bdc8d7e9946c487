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
 * The way back through one {@link Block}: from the gradient of its output to that of its input, and
 * to those of its parameter tokens.
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
   * For one block.
   *
   * @param pass with the negated angles of the forward pass
   * @param a as the forward pass left them
   * @param weights are added to
   * @param d gradients in flight
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
    saved = Objects.requireNonNull(a.saved(), "the forward pass kept nothing");
    this.weights = weights;
    this.d = d;
  }

  /** Turns the gradient of the output, {@code d.stream()} (T, C), into that of the input. */
  void run() {
    backend.zero(d.normed());
    pattention(BlockPattention.FFN, a.normedMiddle(), d.stream(), d.normed());
    backend.layerNormBackward(
        a.middle(), null, block.epsilon(), d.normed(), d.stream(), null, null);

    selfAttention();
    backend.layerNormBackward(a.input(), null, block.epsilon(), d.normed(), d.stream(), null, null);
  }

  /** From {@code d.stream()}, the gradient of the branch, to {@code d.normed()}. */
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

  /** Adds what dy (T, C') says of K and W to their gradients, and what it says of x to dx. */
  private void pattention(BlockPattention which, Tensor x, Tensor dy, Tensor dx) {
    backend.pattentionBackward(
        x, pattentions.get(which).tokens(), saved.scores().get(which), dy, weights.get(which), dx);
  }
}
