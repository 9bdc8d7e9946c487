package org.tokenformer.engine.model.training;

import java.util.Objects;
import org.tokenformer.engine.backend.Dropout;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.model.Activations;
import org.tokenformer.engine.model.Activations.Saved;
import org.tokenformer.engine.model.Block;
import org.tokenformer.engine.model.Pattention;
import org.tokenformer.engine.model.PerPattention;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** Blocks and activations under dropout for one micro-batch, in the memory of the full block. */
final class BlockDropout {
  private BlockDropout() {}

  /** Returns the block with a prefix of each Pattention's tokens; every τ stays. */
  static Block prefix(Block block, TokenFraction fraction) {
    return Block.of(
        block.pattentions().map(pattention -> prefix(pattention, fraction)),
        block.attention().heads(),
        block.attention().layer(),
        block.epsilon());
  }

  private static Pattention prefix(Pattention pattention, TokenFraction fraction) {
    int all = Math.toIntExact(pattention.tokens().count());
    return new Pattention(pattention.tokens().first(fraction.of(all)));
  }

  /** Returns the activations with score matrices as wide as the block's numbers of tokens. */
  static Activations narrowed(Activations activations, Block block) {
    PerPattention<Pattention> pattentions = block.pattentions();
    Saved saved = saved(activations);
    PerPattention<SavedScores> scores =
        PerPattention.of(which -> {
          long count = pattentions.get(which).tokens().count();
          return narrowed(saved.scores().get(which), count);
        });
    return activations.with(new Saved(scores, saved.logSums()));
  }

  private static SavedScores narrowed(SavedScores saved, long count) {
    Tensor whole = saved.scores();
    Shape shape = Shape.of(whole.rows(), count);
    Tensor scores = whole.view(shape);
    return new SavedScores(scores, saved.dropout());
  }

  /** Returns the activations with dropout on Θ, with a different seed for each Pattention. */
  static Activations withDropout(
      Activations activations, float rate, DropoutSeeds seeds, int layer) {
    Saved saved = saved(activations);
    PerPattention<SavedScores> scores =
        PerPattention.of(which -> {
          Dropout dropout = new Dropout(rate, seeds.of(layer, which));
          return new SavedScores(saved.scores().get(which).scores(), dropout);
        });
    return activations.with(new Saved(scores, saved.logSums()));
  }

  private static Saved saved(Activations activations) {
    return Objects.requireNonNull(activations.saved());
  }
}
