package org.tokenformer.engine.train;

import org.tokenformer.engine.model.ConfigException;

/**
 * The learning-rate schedule: linear warm-up to the maximum, then cosine decay.
 *
 * @param steps of the whole run
 * @param warmup steps until the maximum is reached, 0 to {@code steps}
 * @param learningRate the maximum
 * @param minLearningRate rate of the last step, 0 to {@code learningRate}; if both are equal, the
 *     rate is constant after the warm-up
 */
public record Schedule(int steps, int warmup, double learningRate, double minLearningRate) {
  /** Checks the numbers. */
  public Schedule {
    if (steps < 1) {
      throw ConfigException.notAllowed("steps", steps, "at least 1");
    }
    if (warmup < 0 || warmup > steps) {
      throw ConfigException.notAllowed("warmup", warmup, "between 0 and the " + steps + " steps");
    }
    if (!(learningRate > 0 && learningRate <= Float.MAX_VALUE)) {
      throw ConfigException.notAllowed("lr", learningRate, "a number above 0");
    }
    if (!(minLearningRate >= 0 && minLearningRate <= learningRate)) {
      throw ConfigException.notAllowed(
          "min_lr", minLearningRate, "between 0 and the learning rate of " + learningRate);
    }
  }

  /** Returns the learning rate of a step, 1 to {@link #steps}. */
  public double rate(int step) {
    if (step <= warmup) {
      return learningRate * step / warmup;
    }
    double progress = (double) (step - warmup) / (steps - warmup);
    return minLearningRate
        + (learningRate - minLearningRate) * (1 + Math.cos(Math.PI * progress)) / 2;
  }
}
