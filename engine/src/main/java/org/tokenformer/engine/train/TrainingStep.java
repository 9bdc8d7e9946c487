package org.tokenformer.engine.train;

/**
 * The metrics of one step.
 *
 * @param step number of the step, counted from 1
 * @param tokens tokens that the run has trained on, including this step
 * @param loss mean over the tokens of this step in nats, before its update
 * @param smoothedLoss mean over about the last 20 steps
 * @param gradientNorm L2 norm of all gradients together, before clipping
 * @param learningRate of this step
 * @param stepTokens tokens of this step
 * @param seconds duration of this step
 * @param flops floating-point operations required by a forward and a backward pass; recomputation
 *     is not counted
 * @param parameters of the model, which may grow from one step to the next
 */
public record TrainingStep(
    int step,
    long tokens,
    double loss,
    double smoothedLoss,
    double gradientNorm,
    double learningRate,
    long stepTokens,
    double seconds,
    double flops,
    long parameters) {
  /** Returns tokens per second. */
  public double tokensPerSecond() {
    return stepTokens / seconds;
  }

  /** Returns floating-point operations per second. */
  public double flopsPerSecond() {
    return flops / seconds;
  }
}
