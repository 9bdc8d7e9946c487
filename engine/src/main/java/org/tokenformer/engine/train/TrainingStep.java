package org.tokenformer.engine.train;

/**
 * What one step did.
 *
 * @param step its number, counted from 1
 * @param tokens ids that the run has learned from, this step included
 * @param loss mean over the ids of this step, in nats, before its update
 * @param smoothedLoss mean over about the last 20 steps
 * @param gradientNorm L2, of all gradients together, before clipping
 * @param learningRate of this step
 * @param stepTokens ids of this step
 * @param seconds that it took
 * @param flops floating-point operations that the mathematics of a forward and a backward pass asks
 *     for; recomputing counts nothing
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
  /** Ids a second. */
  public double tokensPerSecond() {
    return stepTokens / seconds;
  }

  /** Floating-point operations a second. */
  public double flopsPerSecond() {
    return flops / seconds;
  }
}
