package org.tokenformer.engine.model.training;

import java.util.ArrayList;
import java.util.List;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.model.Activations;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The memory of a forward and a backward pass, planned from the shapes: gradients of the weights,
 * each block's activations, gradients of activations and one chunk of logits. With a {@link
 * CountingMemoryScope} it computes the bytes of a run before it starts.
 */
final class TrainingMemory {
  /** Maximum elements of a chunk of logits, (rows, V), unless {@link #MIN_ROWS} rows need more. */
  private static final int LOGITS_ELEMENTS = 1 << 24;

  private static final int MIN_ROWS = 64;

  /**
   * Views of consecutive rows whose logits are computed together.
   *
   * @param from the first row
   * @param hidden (rows, C), before the last layer normalisation
   * @param normed (rows, C), after it
   * @param logits (rows, V), in memory that all chunks share
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

  private final TokenFormerConfig config;
  private final TrainingShape shape;
  private final Gradients gradients;
  private final LayerMemory layers;
  private final ActivationGradients flow;
  private final Tensor losses; // (T)
  private final List<Chunk> chunks = new ArrayList<>();
  private final Tensor negatedSine; // (positions, R/2)

  TrainingMemory(
      TokenFormerConfig config, TrainedWeights trained, TrainingShape shape, MemoryScope scope) {
    this.config = config;
    this.shape = shape;
    gradients = new Gradients(config, trained, scope);
    layers = new LayerMemory(config, shape, scope);
    flow = ActivationGradients.allocate(scope, Shape.of(shape.rows(), config.hiddenSize()));
    losses = scope.allocate(DType.F32, Shape.of(shape.rows()));
    addChunks(scope);
    Shape angles = Shape.of(config.contextLength(), config.rotaryDimensions() / 2);
    negatedSine = scope.allocate(DType.F32, angles);
  }

  private void addChunks(MemoryScope scope) {
    int vocabulary = config.vocabularySize();
    int fitting = LOGITS_ELEMENTS / vocabulary / MIN_ROWS * MIN_ROWS;
    int chunkRows = Math.min(shape.rows(), Math.max(MIN_ROWS, fitting));
    Tensor logits = scope.allocate(DType.F32, Shape.of(chunkRows, vocabulary));
    Tensor hidden = layers.activations().getLast().output();
    for (int from = 0; from < shape.rows(); from += chunkRows) {
      int count = Math.min(chunkRows, shape.rows() - from);
      chunks.add(
          new Chunk(
              from,
              hidden.rows(from, count),
              layers.branch().rows(from, count),
              logits.rows(0, count),
              losses.view(from, Shape.of(count)),
              flow.stream().rows(from, count),
              flow.normed().rows(from, count)));
    }
  }

  Gradients gradients() {
    return gradients;
  }

  /** Returns the activations of each block. */
  List<Activations> layers() {
    return layers.activations();
  }

  ActivationGradients flow() {
    return flow;
  }

  /** Returns the losses, (T). */
  Tensor losses() {
    return losses;
  }

  List<Chunk> chunks() {
    return chunks;
  }

  /** Returns memory for the negated sines, (positions, R/2), to be filled by the caller. */
  Tensor negatedSine() {
    return negatedSine;
  }
}
