package org.tokenformer.bench.growth;

/**
 * What is known of a run after one of its steps.
 *
 * @param step counted from 1
 * @param parameters of the model that did the step
 * @param petaflops 10¹⁵ floating-point operations of all steps so far
 * @param seconds of all steps so far
 * @param smoothed training loss in nats, a mean over about the last 20 steps; NaN if not known
 * @param validLoss validation loss in nats; NaN where none was measured
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

  /** The same with other seconds of all steps so far. */
  Point after(double time) {
    return new Point(step, parameters, petaflops, time, smoothed, validLoss);
  }

  Point validated(double loss) {
    return new Point(step, parameters, petaflops, seconds, smoothed, loss);
  }
}
