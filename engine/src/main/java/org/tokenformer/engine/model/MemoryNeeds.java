package org.tokenformer.engine.model;

import org.tokenformer.engine.tensor.DType;

/** How much memory a model takes, counted from its sizes. */
public final class MemoryNeeds {
  private static final int ADAM_MOMENTS = 2;

  private final TokenFormerConfig config;

  /** For models of this configuration. */
  public MemoryNeeds(TokenFormerConfig config) {
    this.config = config;
  }

  /**
   * Bytes of the keys and values of one conversation.
   *
   * @param positions that it holds
   * @param type F32 or BF16
   */
  public long cacheBytes(int positions, DType type) {
    return 2L * config.layers().size() * positions * config.hiddenSize() * type.bytes();
  }

  /**
   * Bytes that one conversation computes in besides its cache: the rows of a chunk, and logits of
   * some positions. A backend adds packed copies of the weights in use, a few megabytes.
   */
  public long scratchBytes() {
    long rows = Math.min(Session.CHUNK, config.contextLength());
    long logitsRows = Math.min(Session.LOGITS_CHUNK, rows) + 1;
    long hidden = (Activations.IN_PLACE * rows + 1) * config.hiddenSize();
    return Float.BYTES * (hidden + logitsRows * config.vocabularySize());
  }

  /** Bytes that training keeps of every weight: F32 weight, gradient and Adam's two moments. */
  public long trainingStateBytes() {
    return Math.multiplyExact(config.parameters(), (long) Float.BYTES * (2 + ADAM_MOMENTS));
  }

  /**
   * Bytes of what a forward and a backward pass compute in: activations, scores, their gradients
   * and a chunk of logits. A backend adds packed copies of the weights in use.
   */
  public long activationBytes(TrainingShape shape) {
    CountedMemory all = new CountedMemory();
    new TrainingMemory(config, shape, all);
    CountedMemory gradients = new CountedMemory();
    new Gradients(config, gradients);
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
