package org.tokenformer.engine.model;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.SavedScores;
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
 * @param saved what else is kept for the backward pass; null where nothing is learned
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
  /** Tensors of {@link #inPlace}. */
  static final int IN_PLACE = 7;

  /**
   * What the operations themselves leave for their backward passes.
   *
   * @param logSums (T, H), of the attention
   */
  public record Saved(PerPattention<SavedScores> scores, Tensor logSums) {}

  /** One set for all blocks, from which nothing is learned. */
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

  /** The first rows of a set that is {@link #inPlace}. */
  Activations firstRows(int count) {
    Tensor[] tensors = {input, normed, query, key, value, attended, branch};
    for (int i = 0; i < tensors.length; i++) {
      tensors[i] = tensors[i].rows(0, count);
    }
    return inPlace(tensors);
  }

  /** Where one Pattention leaves its scores, or null where nothing is learned. */
  @Nullable SavedScores scores(BlockPattention which) {
    return saved == null ? null : saved.scores().get(which);
  }

  /** Where the attention leaves its sums, or null where nothing is learned. */
  @Nullable Tensor logSums() {
    return saved == null ? null : saved.logSums();
  }

  /** The same memory with other places for what is saved. */
  public Activations with(Saved other) {
    return new Activations(
        input, normed, query, key, value, attended, branch, middle, normedMiddle, output, other);
  }
}
