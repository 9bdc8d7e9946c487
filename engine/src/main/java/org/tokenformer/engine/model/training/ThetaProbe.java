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
 * A look inside: which parameter tokens the tokens of given sequences call on, and how strongly.
 * Runs forward passes and hands out θ of every Pattention. Its memory is that of one block.
 *
 * <p>One thread. Closing it frees its memory, not the model.
 */
public final class ThetaProbe implements AutoCloseable {
  /** Gets θ of one Pattention after the other, in the order in which they are computed. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * θ of one Pattention.
     *
     * @param layer of the model
     * @param which of the layer
     * @param thetas (T, N) in its first T·N places; overwritten after this returns
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
   * For passes of one shape.
   *
   * @param batch B, sequences of a pass
   * @param sequence S, ids of each
   * @throws ConfigException if the model has fewer positions than a sequence ids
   */
  public ThetaProbe(TokenFormer model, int batch, int sequence) {
    this.model = model;
    // Each block's scores are looked at before the next one overwrites them.
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
   * Runs a pass.
   *
   * @param ids of the sequences, one after the other, B·S
   * @throws IndexOutOfBoundsException if an id is not in the vocabulary
   * @throws java.util.concurrent.CancellationException between two layers, if asked to
   */
  public void run(int[] ids, Visitor visitor, @Nullable Cancellation cancellation) {
    if (ids.length != shape.rows()) {
      throw new IllegalArgumentException(ids.length + " ids for " + shape.rows() + " rows");
    }
    model.lifetime().enter();
    try {
      model.network().embed(ids, 0, layers.getFirst().input());
      for (int i = 0; i < layers.size(); i++) {
        Cancellation.check(cancellation);
        Block block = model.network().blocks().get(i);
        block.forward(pass, layers.get(i));
        show(i, block, Objects.requireNonNull(layers.get(i).saved()), visitor);
      }
    } finally {
      model.lifetime().exit();
    }
  }

  private void show(int layer, Block block, Activations.Saved saved, Visitor visitor) {
    PerPattention<Pattention> pattentions = block.pattentions();
    for (BlockPattention which : BlockPattention.values()) {
      int count = read(pattentions.get(which).tokens(), saved.scores().get(which));
      visitor.accept(layer, which, numbers, count);
    }
  }

  private int read(ParameterTokens tokens, SavedScores saved) {
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
