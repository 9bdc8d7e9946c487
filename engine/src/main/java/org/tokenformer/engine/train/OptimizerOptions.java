package org.tokenformer.engine.train;

import org.tokenformer.engine.model.ConfigException;

/**
 * The options of the optimiser.
 *
 * @param beta1 decay of the first moment, at least 0 and below 1
 * @param beta2 decay of the second moment, at least 0 and below 1
 * @param epsilon added to the root of the second moment, above 0 and at most 1
 * @param weightDecay weight decay of matrices, at least 0; vectors have none
 * @param clip maximum L2 norm of all gradients together, above 0
 */
public record OptimizerOptions(
    double beta1, double beta2, double epsilon, double weightDecay, double clip) {
  /** Checks the numbers. */
  public OptimizerOptions {
    checkDecay("beta1", beta1);
    checkDecay("beta2", beta2);
    if (!(epsilon >= Float.MIN_NORMAL && epsilon <= 1)) {
      throw ConfigException.notAllowed("epsilon", epsilon, "above 0 and at most 1");
    }
    if (!(weightDecay >= 0 && weightDecay <= Float.MAX_VALUE)) {
      throw ConfigException.notAllowed(
          "weight_decay", weightDecay, "a finite number of at least 0");
    }
    if (!(clip > 0 && clip <= Float.MAX_VALUE)) {
      throw ConfigException.notAllowed("clip", clip, "a number above 0");
    }
  }

  private static void checkDecay(String field, double value) {
    if (!(value >= 0 && (float) value < 1)) {
      throw ConfigException.notAllowed(field, value, "at least 0 and below 1");
    }
  }

  /** Returns the paper's values: β 0.9 and 0.95, ε 1e-8, weight decay 0.1, norm clipped to 1. */
  public static OptimizerOptions defaults() {
    return TrainingChoices.NONE.optimizer();
  }
}
