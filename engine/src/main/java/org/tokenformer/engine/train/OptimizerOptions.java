package org.tokenformer.engine.train;

import org.tokenformer.engine.model.ConfigException;

/**
 * How gradients become changes of weights.
 *
 * @param beta1 decay of the first moment, 0 to below 1
 * @param beta2 decay of the second moment, 0 to below 1
 * @param epsilon added to the root of the second moment, above 0
 * @param weightDecay of matrices, 0 or more; vectors have none
 * @param clip the largest norm of all gradients together, above 0
 */
public record OptimizerOptions(
    double beta1, double beta2, double epsilon, double weightDecay, double clip) {
  /** Checks the numbers. */
  public OptimizerOptions {
    decay("beta1", beta1);
    decay("beta2", beta2);
    if (!(epsilon >= Float.MIN_NORMAL && epsilon <= 1)) {
      throw ConfigException.notAllowed("epsilon", epsilon, "above 0 and at most 1");
    }
    if (!(weightDecay >= 0 && weightDecay <= Float.MAX_VALUE)) {
      throw ConfigException.notAllowed("weight_decay", weightDecay, "a number from 0 on");
    }
    if (!(clip > 0 && clip <= Float.MAX_VALUE)) {
      throw ConfigException.notAllowed("clip", clip, "a number above 0");
    }
  }

  private static void decay(String field, double value) {
    if (!(value >= 0 && (float) value < 1)) {
      throw ConfigException.notAllowed(field, value, "in 0 to below 1");
    }
  }

  /** Those of the paper: β 0.9 and 0.95, ε 1e-8, decay 0.1, norm clipped to 1. */
  public static OptimizerOptions defaults() {
    return TrainingChoices.NONE.optimizer();
  }
}
