package org.tokenformer.engine.train;

import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.training.TrainingShape;

/**
 * The options of a training run, checked on construction. Errors use the field names of files.
 *
 * @param schedule steps and learning rates
 * @param shape of a micro-batch
 * @param accumulate micro-batches accumulated per step, at least 1
 * @param optimizer options of the optimiser
 * @param dropout fraction of the attention weights Θ over parameter tokens dropped in each step, at
 *     least 0 and below 1
 * @param nested fraction of micro-batches trained with a random prefix of the parameter tokens, so
 *     that each prefix works as a smaller model (nested dropout); between 0 and 1
 * @param seed of all random numbers: same seed, same run
 * @param growth how the model grows during the run
 */
public record TrainingOptions(
    Schedule schedule,
    TrainingShape shape,
    int accumulate,
    OptimizerOptions optimizer,
    double dropout,
    double nested,
    long seed,
    GrowthOptions growth) {
  /** Checks the numbers. */
  public TrainingOptions {
    if (accumulate < 1) {
      throw ConfigException.notAllowed("accumulate", accumulate, "at least 1");
    }
    if (!(dropout >= 0 && (float) dropout < 1)) {
      throw ConfigException.notAllowed("dropout", dropout, "at least 0 and below 1");
    }
    if (!(nested >= 0 && nested <= 1)) {
      throw ConfigException.notAllowed("nested", nested, "between 0 and 1");
    }
    growth.checkSteps(schedule.steps());
  }

  /** Creates the options of a run without growth and nested dropout. */
  public TrainingOptions(
      Schedule schedule,
      TrainingShape shape,
      int accumulate,
      OptimizerOptions optimizer,
      double dropout,
      long seed) {
    this(schedule, shape, accumulate, optimizer, dropout, 0, seed, GrowthOptions.NONE);
  }

  /** Returns these options with another growth. */
  public TrainingOptions with(GrowthOptions growths) {
    return new TrainingOptions(
        schedule, shape, accumulate, optimizer, dropout, nested, seed, growths);
  }

  /** Returns the number of tokens per step. */
  public long tokensPerStep() {
    return (long) shape.rows() * accumulate;
  }
}
