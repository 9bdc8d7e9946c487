package org.tokenformer.engine.model;

import java.util.ArrayList;
import java.util.List;
import org.tokenformer.engine.backend.Dropout;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.model.Activations.Saved;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * All that a forward and a backward pass compute in, planned from the shapes: gradients of the
 * weights, each block's activations, the gradients of activations and one chunk of logits. In
 * {@link CountedMemory} it tells the bytes of a run before it starts.
 */
final class TrainingMemory {
  /** Elements of logits in flight, (rows, V), unless the fewest rows need more. */
  private static final int LOGITS = 1 << 24;

  private static final int FEWEST_ROWS = 64;

  /**
   * Consecutive rows whose logits are computed together: views.
   *
   * @param from the first row
   * @param hidden (rows, C), before the last layer normalisation
   * @param normed (rows, C), after it
   * @param logits (rows, V); the chunks share them
   * @param losses (rows)
   * @param hiddenGradient (rows, C)
   * @param normedGradient (rows, C)
   */
  record Chunk(
      int from,
      Tensor hidden,
      Tensor normed,
      Tensor logits,
      Tensor losses,
      Tensor hiddenGradient,
      Tensor normedGradient) {}

  private interface Allocator {
    Tensor allocate(Shape shape);
  }

  private final TokenFormerConfig config;
  private final TrainingShape shape;
  private final Shape stream; // (T, C)
  private final Gradients gradients;
  private final Tensor branch; // (T, C), of all blocks
  private final List<Activations> layers = new ArrayList<>();
  private final ActivationGradients flow;
  private final Tensor losses; // (T)
  private final List<Chunk> chunks = new ArrayList<>();
  private final Tensor negatedSine; // (positions, R/2)

  TrainingMemory(
      TokenFormerConfig config, TrainedWeights trained, TrainingShape shape, MemoryScope scope) {
    this.config = config;
    this.shape = shape;
    stream = Shape.of(shape.rows(), config.hiddenSize());
    gradients = new Gradients(config, trained, scope);
    branch = scope.allocate(DType.F32, stream);
    addLayers(scope);
    flow = ActivationGradients.allocate(scope, stream);
    losses = scope.allocate(DType.F32, Shape.of(shape.rows()));
    addChunks(scope);
    Shape angles = Shape.of(config.contextLength(), config.rotaryDimensions() / 2);
    negatedSine = scope.allocate(DType.F32, angles);
  }

  private void addLayers(MemoryScope scope) {
    Allocator allocator = of -> scope.allocate(DType.F32, of);
    Tensor shared = shape.recompute() ? allocator.allocate(Shape.of(largestLayer())) : null;
    Tensor input = allocator.allocate(stream);
    for (LayerSizes sizes : config.layers()) {
      Tensor output = allocator.allocate(stream);
      Allocator own = shared == null ? allocator : new Reused(shared)::allocate;
      layers.add(layer(sizes, input, output, own));
      input = output;
    }
  }

  /** Memory of one block after the other. */
  private static final class Reused {
    private final Tensor whole;
    private long used;

    Reused(Tensor whole) {
      this.whole = whole;
    }

    Tensor allocate(Shape shape) {
      long offset = whole.offset() + used;
      used += CountedMemory.aligned(shape.bytes(DType.F32));
      return new Tensor(whole.buffer(), offset, DType.F32, shape);
    }
  }

  /** Elements of the largest block's activations, its input and output left out. */
  private long largestLayer() {
    long most = 0;
    for (LayerSizes sizes : config.layers()) {
      CountedMemory counted = new CountedMemory();
      layer(sizes, branch, branch, of -> counted.allocate(DType.F32, of));
      most = Math.max(most, counted.allocatedBytes());
    }
    return most / DType.F32.bytes();
  }

  private Activations layer(LayerSizes sizes, Tensor input, Tensor output, Allocator allocator) {
    Shape logSums = Shape.of(shape.rows(), config.heads());
    return new Activations(
        input,
        allocator.allocate(stream),
        allocator.allocate(stream),
        allocator.allocate(stream),
        allocator.allocate(stream),
        allocator.allocate(stream),
        branch,
        allocator.allocate(stream),
        allocator.allocate(stream),
        output,
        new Saved(
            scores(sizes.qkv(), allocator),
            scores(sizes.qkv(), allocator),
            scores(sizes.qkv(), allocator),
            scores(sizes.proj(), allocator),
            scores(sizes.ffn(), allocator),
            allocator.allocate(logSums)));
  }

  private SavedScores scores(int parameterTokens, Allocator allocator) {
    Shape scores = SavedScores.shape(shape.rows(), parameterTokens);
    return new SavedScores(allocator.allocate(scores), Dropout.NONE);
  }

  private void addChunks(MemoryScope scope) {
    int vocabulary = config.vocabularySize();
    int fitting = LOGITS / vocabulary / FEWEST_ROWS * FEWEST_ROWS;
    int most = Math.min(shape.rows(), Math.max(FEWEST_ROWS, fitting));
    Tensor logits = scope.allocate(DType.F32, Shape.of(most, vocabulary));
    Tensor hidden = layers.getLast().output();
    for (int from = 0; from < shape.rows(); from += most) {
      int count = Math.min(most, shape.rows() - from);
      long lossesAt = losses.offset() + (long) from * Float.BYTES;
      chunks.add(
          new Chunk(
              from,
              hidden.rows(from, count),
              branch.rows(from, count),
              logits.rows(0, count),
              new Tensor(losses.buffer(), lossesAt, DType.F32, Shape.of(count)),
              flow.stream().rows(from, count),
              flow.normed().rows(from, count)));
    }
  }

  Gradients gradients() {
    return gradients;
  }

  /** What each block works with. */
  List<Activations> layers() {
    return layers;
  }

  ActivationGradients flow() {
    return flow;
  }

  /** (T). */
  Tensor losses() {
    return losses;
  }

  List<Chunk> chunks() {
    return chunks;
  }

  /** (positions, R/2), to be filled. */
  Tensor negatedSine() {
    return negatedSine;
  }
}
