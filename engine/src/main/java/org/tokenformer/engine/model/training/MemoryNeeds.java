package org.tokenformer.engine.model.training;

import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.tensor.DType;

/** Computes the memory that a model needs from its sizes. */
public final class MemoryNeeds {
  private static final int ADAM_MOMENTS = 2;

  private final TokenFormerConfig config;
  private final TrainedWeights trained;

  /** Counts for a configuration, with all weights trained. */
  public MemoryNeeds(TokenFormerConfig config) {
    this(config, false);
  }

  /**
   * Counts for a configuration.
   *
   * @param onlyNew whether only the parameter tokens of the last growth are trained
   * @throws ConfigException if so but the model never grew
   */
  public MemoryNeeds(TokenFormerConfig config, boolean onlyNew) {
    this.config = config;
    trained = new TrainedWeights(config, onlyNew);
  }

  /**
   * Returns the bytes of the keys and values of one conversation; they are allocated in whole
   * {@linkplain org.tokenformer.engine.backend.CachePool#PAGE pages}.
   *
   * @param positions number of positions
   * @param type F32 or BF16
   */
  public long cacheBytes(int positions, DType type) {
    return 2L * config.layers().size() * positions * config.hiddenSize() * type.bytes();
  }

  /**
   * Returns the bytes of the training state: F32 weights, and gradients and moments of the trained
   * ones.
   */
  public long trainingStateBytes() {
    long gradientsAndMoments =
        Math.multiplyExact(trained.elements(), Float.BYTES * (1L + ADAM_MOMENTS));
    return Math.addExact(
        gradientsAndMoments, Math.multiplyExact(config.parameters(), (long) Float.BYTES));
  }

  /**
   * Returns the maximum additional bytes needed while a model grows to this one: temporary copies
   * of its weights, and weights and moments of the smaller model.
   */
  public long growthBytes() {
    return Math.multiplyExact(config.parameters(), Float.BYTES * (3L + ADAM_MOMENTS));
  }

  /**
   * Returns the bytes of the memory of a forward and a backward pass: activations, scores, their
   * gradients and a chunk of logits. A backend adds packed copies of the weights in use.
   */
  public long activationBytes(TrainingShape shape) {
    CountingMemoryScope all = new CountingMemoryScope();
    new TrainingMemory(config, trained, shape, all);
    CountingMemoryScope gradients = new CountingMemoryScope();
    new Gradients(config, trained, gradients);
    return all.allocatedBytes() - gradients.allocatedBytes();
  }

  /**
   * Returns the bytes of a training run: training state and activations.
   *
   * @throws ArithmeticException if it exceeds a long
   */
  public long trainingBytes(TrainingShape shape) {
    return Math.addExact(trainingStateBytes(), activationBytes(shape));
  }
}
