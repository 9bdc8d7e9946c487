package org.tokenformer.engine.model;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The computation and nothing else: ids in, logits out (paper, figure 2).
 *
 * @param embedding (V, C)
 * @param normWeight (C), of the last layer normalisation, like {@code normBias}
 * @param head (V, C), the embedding itself where tied
 * @param rotary angles of all positions
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
  /** Of weights; its angles are allocated in the scope. */
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
   * Ids to hidden states: embeds the rows and runs all blocks; the last one's {@code output()} (T,
   * C) is left before the last layer normalisation.
   *
   * @param some the {@link #blocks}, or those with fewer parameter tokens
   * @param layers what each block works with; its output is the next one's input
   * @param ids of the rows, from index {@code from} on
   * @throws java.util.concurrent.CancellationException between two layers, if asked to
   */
  public void forward(
      PassContext pass,
      List<Block> some,
      List<Activations> layers,
      int[] ids,
      int from,
      @Nullable Cancellation cancellation) {
    embed(ids, from, layers.getFirst().input());
    for (int i = 0; i < some.size(); i++) {
      Cancellation.check(cancellation);
      some.get(i).forward(pass, layers.get(i));
    }
  }

  /** Ids from there on to the residual stream before the first block, (T, C). */
  public void embed(int[] ids, int from, Tensor stream) {
    backend.embed(embedding, ids, from, stream);
  }

  /**
   * Hidden states to logits.
   *
   * @param hidden (T, C)
   * @param normed (T, C), overwritten; may be {@code hidden}
   * @param logits (T, V)
   */
  public void logits(Tensor hidden, Tensor normed, Tensor logits) {
    backend.layerNorm(hidden, normWeight, normBias, config.layerNormEpsilon(), normed);
    backend.logits(normed, head, logits);
  }
}
