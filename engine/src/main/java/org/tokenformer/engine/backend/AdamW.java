package org.tokenformer.engine.backend;

/**
 * One step of AdamW (arXiv 1711.05101), as PyTorch computes it: decoupled decay, bias-corrected
 * moments, ε added after the root.
 *
 * @param learningRate of this step
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the second moment
 * @param weightDecay times the learning rate is what each weight shrinks by
 * @param step t, counted from 1
 * @param gradientScale multiplies the gradients first: clipping
 */
public record AdamW(
    float learningRate,
    float beta1,
    float beta2,
    float epsilon,
    float weightDecay,
    long step,
    float gradientScale) {

  /** 1 − lr·decay. */
  public float shrink() {
    return (float) (1 - (double) learningRate * weightDecay);
  }

  /** lr/(1 − β₁ᵗ): multiplies the first moment. */
  public float stepSize() {
    return (float) (learningRate / (1 - Math.pow(beta1, (double) step)));
  }

  /** 1/√(1 − β₂ᵗ): multiplies the root of the second moment. */
  public float rootScale() {
    return (float) (1 / Math.sqrt(1 - Math.pow(beta2, (double) step)));
  }
}
