package org.tokenformer.engine.model;

import org.tokenformer.engine.tensor.DType;

/** How much memory a model takes, counted from its sizes. */
public final class MemoryNeeds {
  private static final int ADAM_MOMENTS = 2;

  // Of each layer: its input, the normalised inputs of both halves, q, k, v, what attention found,
  // both branches' outputs and the stream between them.
  private static final int KEPT_ACTIVATIONS = 10;

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
    long hidden = (Step.TENSORS * rows + 1) * config.hiddenSize();
    return Float.BYTES * (hidden + logitsRows * config.vocabularySize());
  }

  /** Bytes that training keeps of every weight: F32 weight, gradient and Adam's two moments. */
  public long trainingStateBytes() {
    return config.parameters() * Float.BYTES * (2 + ADAM_MOMENTS);
  }

  /**
   * Bytes of what the backward pass needs of a forward pass: for each layer ten (T, C) activations
   * and the scores of each Pattention; the logits once.
   *
   * @param tokens T, of all sequences of a step
   */
  public long activationBytes(long tokens) {
    long width = config.vocabularySize();
    for (TokenFormerConfig.LayerSizes layer : config.layers()) {
      width += (long) KEPT_ACTIVATIONS * config.hiddenSize();
      width += 3L * layer.qkv() + layer.proj() + layer.ffn();
    }
    return Float.BYTES * tokens * width;
  }
}
