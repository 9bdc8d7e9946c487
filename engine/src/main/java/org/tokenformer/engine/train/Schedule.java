package org.tokenformer.engine.train;

import org.tokenformer.engine.model.ConfigException;

/**
 * The learning rate of each step: up in a line to its highest, then down along half a cosine.
 *
 * @param steps of the whole run
 * @param warmup steps until the highest rate is reached, 0 to {@code steps}
 * @param learningRate the highest
 * @param minLearningRate of the last step, 0 to {@code learningRate}; where they are equal the rate
 *     is constant after the warm-up
 */
public record Schedule(int steps, int warmup, double learningRate, double minLearningRate) {
  /** Checks the numbers. */
  public Schedule {
    if (steps < 1) {
      throw ConfigException.notAllowed("steps", steps, "at least 1");
    }
    if (warmup < 0 || warmup > steps) {
      throw ConfigException.notAllowed("warmup", warmup, "in 0 to the " + steps + " steps");
    }
    if (!(learningRate > 0 && learningRate <= Float.MAX_VALUE)) {
      throw ConfigException.notAllowed("lr", learningRate, "a number above 0");
    }
    if (!(minLearningRate >= 0 && minLearningRate <= learningRate)) {
      throw ConfigException.notAllowed(
          "min_lr", minLearningRate, "in 0 to the learning rate of " + learningRate);
    }
  }

  /** The rate of a step, 1 to {@link #steps}. */
  public double rate(int step) {
    if (step <= warmup) {
      return learningRate * step / warmup;
    }
    double way = (double) (step - warmup) / (steps - warmup);
    return minLearningRate + (learningRate - minLearningRate) * (1 + Math.cos(Math.PI * way)) / 2;
  }
}
