package org.tokenformer.engine.backend;

/**
 * One step of AdamW (arXiv 1711.05101) as PyTorch computes it: decoupled weight decay,
 * bias-corrected moments, ε added after the square root.
 *
 * @param learningRate learning rate of this step
 * @param beta1 decay rate of the first moment
 * @param beta2 decay rate of the second moment
 * @param epsilon added to the square root of the second moment
 * @param weightDecay times the learning rate is the fraction by which each weight shrinks
 * @param step step number t, starting at 1
 * @param gradientScale multiplies the gradients first; used for clipping
 */
public record AdamW(
    float learningRate,
    float beta1,
    float beta2,
    float epsilon,
    float weightDecay,
    long step,
    float gradientScale) {

  /** Returns 1 − lr·decay, which multiplies the weights. */
  public float shrink() {
    return (float) (1 - (double) learningRate * weightDecay);
  }

  /** Returns lr/(1 − β₁ᵗ), which multiplies the first moment. */
  public float stepSize() {
    return (float) (learningRate / (1 - Math.pow(beta1, (double) step)));
  }

  /** Returns 1/√(1 − β₂ᵗ), which multiplies the square root of the second moment. */
  public float rootScale() {
    return (float) (1 / Math.sqrt(1 - Math.pow(beta2, (double) step)));
  }
}
