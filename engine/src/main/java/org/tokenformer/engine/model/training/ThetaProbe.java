package org.tokenformer.engine.model.training;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.model.Activations;
import org.tokenformer.engine.model.Block;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.PassContext;
import org.tokenformer.engine.model.Pattention;
import org.tokenformer.engine.model.PerPattention;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Reports which parameter tokens the tokens of given sequences activate, and how strongly: runs
 * forward passes and passes θ of every Pattention to a visitor. Needs the memory of one block.
 *
 * <p>Used by one thread. Closing it frees its memory, but does not close the model.
 */
public final class ThetaProbe implements AutoCloseable {
  /** Receives θ of each Pattention, in the order of computation. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * Receives θ of one Pattention.
     *
     * @param layer layer of the model
     * @param which Pattention of the layer
     * @param thetas (T, N) in its first T·N elements; overwritten after this method returns
     * @param parameterTokens N
     */
    void accept(int layer, BlockPattention which, float[] thetas, int parameterTokens);
  }

  private final TokenFormer model;
  private final TrainingShape shape;
  private final MemoryScope scope;
  private final PassContext pass;
  private final List<Activations> layers;
  private final Tensor thetas; // (T · the largest N)
  private final float[] numbers;

  /**
   * Allocates the memory for passes of one shape.
   *
   * @param batch B, sequences per pass
   * @param sequence S, ids per sequence
   * @throws ConfigException if a sequence is longer than the model's context
   */
  public ThetaProbe(TokenFormer model, int batch, int sequence) {
    this.model = model;
    // Recomputation mode: the scores of a block are read before the next block overwrites them.
    shape = new TrainingShape(batch, sequence, true);
    shape.checkFits(model.config());
    Sequence one = new Sequence(sequence, 0, null);
    pass =
        new PassContext(model.backend(), model.network().rotary(), Collections.nCopies(batch, one));
    scope = model.backend().openScope();
    try {
      layers = new LayerMemory(model.config(), shape, scope).activations();
      long largest =
          model.network().blocks().stream()
              .map(Block::pattentions)
              .flatMap(all -> Arrays.stream(BlockPattention.values()).map(all::get))
              .mapToLong(pattention -> pattention.tokens().count())
              .max()
              .orElseThrow();
      thetas = scope.allocate(DType.F32, Shape.of(shape.rows() * largest));
      numbers = new float[Math.toIntExact(thetas.shape().elements())];
    } catch (RuntimeException | Error e) {
      scope.close();
      throw e;
    }
  }

  /**
   * Runs a forward pass.
   *
   * @param ids ids of the sequences, concatenated, B·S
   * @throws IndexOutOfBoundsException if an id is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if cancelled, between two layers
   */
  public void run(int[] ids, Visitor visitor, @Nullable Cancellation cancellation) {
    if (ids.length != shape.rows()) {
      throw new IllegalArgumentException(
          "a pass needs " + shape.rows() + " ids, not " + ids.length);
    }
    model.lifetime().enter();
    try {
      model.network().embed(ids, 0, layers.getFirst().input());
      for (int i = 0; i < layers.size(); i++) {
        Cancellation.check(cancellation);
        Block block = model.network().blocks().get(i);
        block.forward(pass, layers.get(i));
        visit(i, block, Objects.requireNonNull(layers.get(i).saved()), visitor);
      }
    } finally {
      model.lifetime().exit();
    }
  }

  private void visit(int layer, Block block, Activations.Saved saved, Visitor visitor) {
    PerPattention<Pattention> pattentions = block.pattentions();
    for (BlockPattention which : BlockPattention.values()) {
      int count = readThetas(pattentions.get(which).tokens(), saved.scores().get(which));
      visitor.accept(layer, which, numbers, count);
    }
  }

  private int readThetas(ParameterTokens tokens, SavedScores saved) {
    int count = Math.toIntExact(tokens.count());
    int elements = shape.rows() * count;
    Backend backend = model.backend();
    Tensor out = thetas.view(Shape.of(shape.rows(), count));
    backend.thetas(tokens, saved, out);
    long bytes = (long) elements * Float.BYTES;
    backend.download(out, MemorySegment.ofArray(numbers).asSlice(0, bytes));
    return count;
  }

  @Override
  public void close() {
    scope.close();
  }
}
