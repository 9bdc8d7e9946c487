package org.tokenformer.engine.model.training;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.model.Activations;
import org.tokenformer.engine.model.Block;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.Network;
import org.tokenformer.engine.model.PassContext;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.training.TrainingMemory.Chunk;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Computes losses of a model and their gradients: the forward pass, the losses and the backward
 * pass of a micro-batch. All memory is planned from the shapes and allocated once.
 *
 * <p>Used by one thread. Closing it frees its memory, but does not close the model.
 */
public final class Backpropagation implements AutoCloseable {
  private final TokenFormer model;
  private final Network network;
  private final Backend backend;
  private final TrainingShape shape;
  private final MemoryScope scope;
  private final TrainingMemory memory;
  private final PassContext forward;
  private final PassContext backward;
  private final float[] losses; // per row

  /**
   * Allocates the memory for micro-batches of one shape.
   *
   * @throws ConfigException if a sequence is longer than the model's context
   * @throws OutOfMemoryError if the machine does not have {@link MemoryNeeds#trainingBytes}
   */
  public Backpropagation(TrainableModel trainable, TrainingShape shape) {
    model = trainable.model();
    network = model.network();
    shape.checkFits(model.config());
    this.shape = shape;
    backend = model.backend();
    losses = new float[shape.rows()];
    Sequence sequence = new Sequence(shape.sequence(), 0, null);
    List<Sequence> sequences = Collections.nCopies(shape.batch(), sequence);
    forward = new PassContext(backend, network.rotary(), sequences);
    scope = backend.openScope();
    try {
      memory = new TrainingMemory(model.config(), trainable.trained(), shape, scope);
      backward = new PassContext(backend, negated(network.rotary()), sequences);
    } catch (RuntimeException | Error e) {
      scope.close();
      throw e;
    }
  }

  /** Returns the rotation angles of the backward pass. */
  private RotaryTable negated(RotaryTable table) {
    float[] sines = new float[Math.toIntExact(table.sine().shape().elements())];
    backend.download(table.sine(), MemorySegment.ofArray(sines));
    for (int i = 0; i < sines.length; i++) {
      sines[i] = -sines[i];
    }
    backend.upload(MemorySegment.ofArray(sines), memory.negatedSine());
    return new RotaryTable(table.cosine(), memory.negatedSine());
  }

  /** Returns the backend that it computes on. */
  public Backend backend() {
    return backend;
  }

  /** Returns the shape of its micro-batches. */
  public TrainingShape shape() {
    return shape;
  }

  /**
   * Returns the gradients of the trained weights by name, as accumulated by {@link
   * #accumulateGradients}: F32, in the shapes of {@link TrainableModel#trainedWeights}.
   */
  public SequencedMap<String, Tensor> gradients() {
    return memory.gradients().byName();
  }

  /** Returns the bytes of native memory that it owns. */
  public long allocatedBytes() {
    return scope.allocatedBytes();
  }

  /** Sets all gradients to 0. */
  public void zeroGradients() {
    gradients().values().forEach(backend::zero);
  }

  /** Accumulates the gradients of a micro-batch that uses all parameter tokens. */
  public double accumulateGradients(
      int[] ids,
      int[] targets,
      float weight,
      float dropout,
      DropoutSeeds seeds,
      @Nullable Cancellation cancellation) {
    return accumulateGradients(
        ids, targets, weight, dropout, seeds, TokenFraction.ALL, cancellation);
  }

  /**
   * Runs a micro-batch forward and backward, and adds its gradients to the accumulated ones.
   *
   * @param ids ids of the sequences, concatenated, one per row of the shape
   * @param targets the id to predict at each of them
   * @param weight factor of a row's loss in the training loss: for the mean, 1 over the number of
   *     rows of all micro-batches of the step
   * @param dropout fraction of Θ that is dropped, at least 0 and below 1
   * @param seeds seeds of the dropout
   * @param fraction fraction of each Pattention's tokens, a prefix, that this micro-batch uses
   * @return the sum of the losses of all rows, in nats
   * @throws IndexOutOfBoundsException if an id or target is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if cancelled, between two layers; the
   *     gradients must not be used then
   */
  public double accumulateGradients(
      int[] ids,
      int[] targets,
      float weight,
      float dropout,
      DropoutSeeds seeds,
      TokenFraction fraction,
      @Nullable Cancellation cancellation) {
    check(ids, targets);
    model.lifetime().enter();
    try {
      List<Block> blocks = blocks(fraction);
      List<Activations> layers = layers(blocks, fraction, dropout, seeds);
      network.forward(forward, blocks, layers, ids, 0, cancellation);
      backend.zero(memory.flow().stream());
      for (Chunk chunk : memory.chunks()) {
        backwardFromLosses(chunk, targets, weight);
      }
      for (int i = layers.size() - 1; i >= 0; i--) {
        Cancellation.check(cancellation);
        Block block = blocks.get(i);
        // The last block's activations have not been overwritten.
        if (shape.recompute() && i < layers.size() - 1) {
          block.forward(forward, layers.get(i));
        }
        new BlockBackward(
                backward, block, layers.get(i), memory.gradients().block(i), memory.flow())
            .run();
      }
      Tensor embedding = memory.gradients().embedding();
      if (embedding != null) {
        backend.embedBackward(ids, 0, memory.flow().stream(), embedding);
      }
      return sumOfLosses(shape.rows());
    } finally {
      model.lifetime().exit();
    }
  }

  private List<Block> blocks(TokenFraction fraction) {
    List<Block> all = network.blocks();
    return fraction.isAll()
        ? all
        : all.stream().map(block -> BlockDropout.prefix(block, fraction)).toList();
  }

  /** Returns the activations of the blocks, for their numbers of tokens and with dropout on Θ. */
  private List<Activations> layers(
      List<Block> blocks, TokenFraction fraction, float dropout, DropoutSeeds seeds) {
    if (fraction.isAll() && dropout == 0) {
      return memory.layers();
    }
    List<Activations> layers = new ArrayList<>();
    for (int i = 0; i < blocks.size(); i++) {
      Activations layer = memory.layers().get(i);
      Activations own = fraction.isAll() ? layer : BlockDropout.narrowed(layer, blocks.get(i));
      layers.add(dropout == 0 ? own : BlockDropout.withDropout(own, dropout, seeds, i));
    }
    return layers;
  }

  private void backwardFromLosses(Chunk chunk, int[] targets, float weight) {
    Gradients gradients = memory.gradients();
    network.logits(chunk.hidden(), true, chunk.normed(), chunk.logits());
    backend.crossEntropyBackward(chunk.logits(), targets, chunk.from(), weight, chunk.losses());
    backend.zero(chunk.normedGradient());
    backend.logitsBackward(
        chunk.normed(), network.head(), chunk.logits(), chunk.normedGradient(), gradients.head());
    backend.layerNormBackward(
        chunk.hidden(),
        network.normWeight(),
        model.config().layerNormEpsilon(),
        chunk.normedGradient(),
        chunk.hiddenGradient(),
        gradients.normWeight(),
        gradients.normBias());
  }

  private double sumOfLosses(int rows) {
    backend.download(memory.losses(), MemorySegment.ofArray(losses));
    double sum = 0;
    for (int i = 0; i < rows; i++) {
      sum += losses[i];
    }
    return sum;
  }

  private void check(int[] ids, int[] targets) {
    if (ids.length != shape.rows() || targets.length != shape.rows()) {
      throw new IllegalArgumentException(
          "a micro-batch needs %d ids and targets, not %d and %d"
              .formatted(shape.rows(), ids.length, targets.length));
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
