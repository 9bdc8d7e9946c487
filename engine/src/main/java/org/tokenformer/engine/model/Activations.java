package org.tokenformer.engine.model;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Dropout;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.model.training.DropoutSeeds;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * What the operations of a block hand to each other, (T, C) each. Where nothing is learned, one set
 * does for all blocks and the residual stream is one tensor; a backward pass needs of every block
 * what its forward pass computed.
 *
 * @param input the residual stream before the block
 * @param normed its normalisation
 * @param query rotated, like {@code key}
 * @param attended what attention found, before its projection
 * @param branch what a branch adds to the residual stream; nobody's after that
 * @param middle the residual stream between the two branches
 * @param normedMiddle its normalisation
 * @param output the residual stream after the block
 * @param saved what else is kept for the backward pass
 */
public record Activations(
    Tensor input,
    Tensor normed,
    Tensor query,
    Tensor key,
    Tensor value,
    Tensor attended,
    Tensor branch,
    Tensor middle,
    Tensor normedMiddle,
    Tensor output,
    Saved saved) {
  /** Tensors of {@link #inPlace}. */
  public static final int IN_PLACE = 7;

  /**
   * What the operations themselves leave for their backward passes; all null where nothing is
   * learned.
   *
   * @param logSums (T, H), of the attention
   */
  public record Saved(
      @Nullable SavedScores query,
      @Nullable SavedScores key,
      @Nullable SavedScores value,
      @Nullable SavedScores projection,
      @Nullable SavedScores ffn,
      @Nullable Tensor logSums) {
    static final Saved NOTHING = new Saved(null, null, null, null, null, null);

    /** Scores in the order of {@link TensorNames#PATTENTIONS}. */
    public List<@Nullable SavedScores> scores() {
      return Arrays.asList(query, key, value, projection, ffn);
    }

    /** The same memory, with dropout on Θ by another seed for each of the five. */
    public Saved with(float rate, DropoutSeeds seeds, int layer) {
      return new Saved(
          with(query, rate, seeds.of(layer, 0)),
          with(key, rate, seeds.of(layer, 1)),
          with(value, rate, seeds.of(layer, 2)),
          with(projection, rate, seeds.of(layer, 3)),
          with(ffn, rate, seeds.of(layer, 4)),
          logSums);
    }

    /** The same memory, for a block with fewer parameter tokens. */
    public Saved of(Block block) {
      List<Pattention> pattentions = block.pattentions();
      List<@Nullable SavedScores> scores = scores();
      for (int i = 0; i < pattentions.size(); i++) {
        scores.set(i, narrowed(scores.get(i), pattentions.get(i).tokens().count()));
      }
      return new Saved(
          scores.get(0), scores.get(1), scores.get(2), scores.get(3), scores.get(4), logSums);
    }

    private static @Nullable SavedScores narrowed(@Nullable SavedScores saved, long count) {
      if (saved == null) {
        return null;
      }
      Tensor whole = saved.scores();
      Tensor scores = whole.view(Shape.of(whole.rows(), count));
      return new SavedScores(scores, saved.dropout());
    }

    private static @Nullable SavedScores with(@Nullable SavedScores saved, float rate, int seed) {
      return saved == null ? null : new SavedScores(saved.scores(), new Dropout(rate, seed));
    }
  }

  /** One set for all blocks, from which nothing is learned. */
  public static Activations inPlace(MemoryScope scope, int rows, int channels) {
    Tensor[] tensors = new Tensor[IN_PLACE];
    for (int i = 0; i < tensors.length; i++) {
      tensors[i] = scope.allocate(DType.F32, Shape.of(rows, channels));
    }
    return inPlace(tensors);
  }

  private static Activations inPlace(Tensor[] t) {
    return new Activations(
        t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[0], t[1], t[0], Saved.NOTHING);
  }

  /** The first rows of a set that is {@link #inPlace}. */
  public Activations firstRows(int count) {
    Tensor[] tensors = {input, normed, query, key, value, attended, branch};
    for (int i = 0; i < tensors.length; i++) {
      tensors[i] = tensors[i].rows(0, count);
    }
    return inPlace(tensors);
  }

  /** The same memory, with dropout on Θ in the block of this layer. */
  public Activations withDropout(float rate, DropoutSeeds seeds, int layer) {
    return with(saved.with(rate, seeds, layer));
  }

  /** The same memory, for a block with fewer parameter tokens. */
  public Activations of(Block block) {
    return with(saved.of(block));
  }

  private Activations with(Saved kept) {
    return new Activations(
        input, normed, query, key, value, attended, branch, middle, normedMiddle, output, kept);
  }
}
