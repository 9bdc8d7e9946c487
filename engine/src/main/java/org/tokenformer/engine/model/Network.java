package org.tokenformer.engine.model;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The forward computation: ids in, logits out (paper, figure 2).
 *
 * @param embedding (V, C)
 * @param normWeight (C), weight of the last layer normalisation; {@code normBias} is its bias
 * @param head (V, C); the embedding itself if tied
 * @param rotary rotation angles of all positions
 */
public record Network(
    Backend backend,
    TokenFormerConfig config,
    Tensor embedding,
    List<Block> blocks,
    Tensor normWeight,
    Tensor normBias,
    Tensor head,
    RotaryTable rotary) {
  /** Creates the network of these weights; allocates its rotation angles in the scope. */
  static Network of(Backend backend, MemoryScope scope, ModelWeights weights) {
    TokenFormerConfig config = weights.config();
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < config.layers().size(); i++) {
      int layer = i;
      PerPattention<Pattention> pattentions =
          PerPattention.of(which -> weights.pattention(layer, which));
      blocks.add(Block.of(pattentions, config.heads(), layer, config.layerNormEpsilon()));
    }
    Tensor embedding = weights.get(TensorNames.EMBEDDING);
    return new Network(
        backend,
        config,
        embedding,
        List.copyOf(blocks),
        weights.get(TensorNames.NORM_WEIGHT),
        weights.get(TensorNames.NORM_BIAS),
        config.tiedHead() ? embedding : weights.get(TensorNames.HEAD),
        RotaryAngles.table(config, backend, scope));
  }

  /**
   * Computes hidden states from ids: embeds the ids and runs the blocks. The result is the {@code
   * output()} (T, C) of the last block, before the last layer normalisation.
   *
   * @param stack the {@link #blocks}, or copies of them with fewer parameter tokens
   * @param layers activations of each block; its output is the next block's input
   * @param ids ids of the rows, starting at index {@code from}
   * @throws java.util.concurrent.CancellationException if cancelled, between two layers
   */
  public void forward(
      PassContext pass,
      List<Block> stack,
      List<Activations> layers,
      int[] ids,
      int from,
      @Nullable Cancellation cancellation) {
    embed(ids, from, layers.getFirst().input());
    for (int i = 0; i < stack.size(); i++) {
      Cancellation.check(cancellation);
      stack.get(i).forward(pass, layers.get(i));
    }
  }

  /**
   * Embeds the ids from index {@code from} on into the residual stream before the first block, (T,
   * C).
   */
  public void embed(int[] ids, int from, Tensor stream) {
    backend.embed(embedding, ids, from, stream);
  }

  /**
   * Computes logits from hidden states.
   *
   * @param hidden (T, C)
   * @param training whether a backward pass follows
   * @param normed (T, C), overwritten; may be {@code hidden}
   * @param logits (T, V)
   */
  public void logits(Tensor hidden, boolean training, Tensor normed, Tensor logits) {
    backend.layerNorm(hidden, normWeight, normBias, config.layerNormEpsilon(), normed);
    backend.logits(normed, head, training, logits);
  }
}
