package org.tokenformer.bench.growth;

/**
 * The metrics of a run after a step.
 *
 * @param step counted from 1
 * @param parameters of the model at this step
 * @param petaflops operations of all steps so far, in 10¹⁵ floating-point operations
 * @param seconds duration of all steps so far
 * @param smoothed training loss in nats, a mean over about the last 20 steps; NaN if unknown
 * @param validLoss validation loss in nats; NaN if not measured
 */
record Point(
    int step,
    long parameters,
    double petaflops,
    double seconds,
    double smoothed,
    double validLoss) {
  /** Before the first step. */
  static final Point START = new Point(0, 0, 0, 0, Double.NaN, Double.NaN);

  boolean isValidated() {
    return !Double.isNaN(validLoss);
  }

  /** Returns this point with another duration. */
  Point after(double time) {
    return new Point(step, parameters, petaflops, time, smoothed, validLoss);
  }

  Point validated(double loss) {
    return new Point(step, parameters, petaflops, seconds, smoothed, loss);
  }
}
