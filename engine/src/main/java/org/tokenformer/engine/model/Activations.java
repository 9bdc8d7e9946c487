package org.tokenformer.engine.model;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Intermediate results of a block's operations, (T, C) each. For inference all blocks share one set
 * and the residual stream is a single tensor; a backward pass needs the results of every block.
 *
 * @param input the residual stream before the block
 * @param normed {@code input} after layer normalisation
 * @param query queries, rotated like {@code key}
 * @param attended output of the attention, before its projection
 * @param branch what a branch adds to the residual stream; free for reuse after that
 * @param middle the residual stream between the two branches
 * @param normedMiddle {@code middle} after layer normalisation
 * @param output the residual stream after the block
 * @param saved other results for the backward pass; null for inference
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
    @Nullable Saved saved) {
  /** Number of tensors of {@link #inPlace}. */
  static final int IN_PLACE = 7;

  /**
   * Results that single operations save for their backward passes.
   *
   * @param logSums (T, H), log-sum-exp of the attention
   */
  public record Saved(PerPattention<SavedScores> scores, Tensor logSums) {}

  /** Allocates one set for all blocks, for inference. */
  static Activations inPlace(MemoryScope scope, int rows, int channels) {
    Tensor[] tensors = new Tensor[IN_PLACE];
    for (int i = 0; i < tensors.length; i++) {
      tensors[i] = scope.allocate(DType.F32, Shape.of(rows, channels));
    }
    return inPlace(tensors);
  }

  private static Activations inPlace(Tensor[] t) {
    return new Activations(t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[0], t[1], t[0], null);
  }

  /** Returns the first rows of a set that {@link #inPlace} made. */
  Activations firstRows(int count) {
    Tensor[] tensors = {input, normed, query, key, value, attended, branch};
    for (int i = 0; i < tensors.length; i++) {
      tensors[i] = tensors[i].rows(0, count);
    }
    return inPlace(tensors);
  }

  /** Returns where one Pattention saves its scores, or null for inference. */
  @Nullable SavedScores scores(BlockPattention which) {
    return saved == null ? null : saved.scores().get(which);
  }

  /** Returns where the attention saves its log-sum-exp, or null for inference. */
  @Nullable Tensor logSums() {
    return saved == null ? null : saved.logSums();
  }

  /** Returns the same tensors with another {@code saved}. */
  public Activations with(Saved other) {
    return new Activations(
        input, normed, query, key, value, attended, branch, middle, normedMiddle, output, other);
  }
}
