package org.tokenformer.engine.model.training;

import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.tensor.DType;

/** How much memory a model takes, counted from its sizes. */
public final class MemoryNeeds {
  private static final int ADAM_MOMENTS = 2;

  private final TokenFormerConfig config;
  private final TrainedWeights trained;

  /** For models of this configuration, all of whose weights are trained. */
  public MemoryNeeds(TokenFormerConfig config) {
    this(config, false);
  }

  /**
   * For models of this configuration.
   *
   * @param onlyNew whether only the parameter tokens of the last growth are trained
   * @throws ConfigException if so, and the model never grew
   */
  public MemoryNeeds(TokenFormerConfig config, boolean onlyNew) {
    this.config = config;
    trained = new TrainedWeights(config, onlyNew);
  }

  /**
   * Bytes of the keys and values of one conversation, which takes them in whole {@linkplain
   * org.tokenformer.engine.backend.CachePool#PAGE pages}.
   *
   * @param positions that it holds
   * @param type F32 or BF16
   */
  public long cacheBytes(int positions, DType type) {
    return 2L * config.layers().size() * positions * config.hiddenSize() * type.bytes();
  }

  /** Bytes that training keeps: F32 weights, and of those that are trained gradient and moments. */
  public long trainingStateBytes() {
    long learning = Math.multiplyExact(trained.elements(), Float.BYTES * (1L + ADAM_MOMENTS));
    return Math.addExact(learning, Math.multiplyExact(config.parameters(), (long) Float.BYTES));
  }

  /**
   * Bytes that are held besides at most while a model grows to this one: its weights on their way,
   * and weights and moments of the smaller one.
   */
  public long growthBytes() {
    return Math.multiplyExact(config.parameters(), Float.BYTES * (3L + ADAM_MOMENTS));
  }

  /**
   * Bytes of what a forward and a backward pass compute in: activations, scores, their gradients
   * and a chunk of logits. A backend adds packed copies of the weights in use.
   */
  public long activationBytes(TrainingShape shape) {
    CountingMemoryScope all = new CountingMemoryScope();
    new TrainingMemory(config, trained, shape, all);
    CountingMemoryScope gradients = new CountingMemoryScope();
    new Gradients(config, trained, gradients);
    return all.allocatedBytes() - gradients.allocatedBytes();
  }

  /**
   * Bytes that a training run takes: all of the above.
   *
   * @throws ArithmeticException if they are more than a long can count
   */
  public long trainingBytes(TrainingShape shape) {
    return Math.addExact(trainingStateBytes(), activationBytes(shape));
  }
}
