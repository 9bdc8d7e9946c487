package org.tokenformer.engine.train;

import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.training.TrainingShape;

/**
 * What a run is to do. Valid once it exists; what is refused is named as files call it.
 *
 * @param schedule steps and learning rates
 * @param shape of a micro-batch
 * @param accumulate micro-batches of a step, from 1 on
 * @param optimizer how weights change
 * @param dropout share of Θ that is left out in each step, 0 to below 1
 * @param nested share of the micro-batches that learn with the first parameter tokens only, a
 *     random share of them, so that these are a model by themselves (nested dropout); 0 to 1
 * @param seed of everything random: same seed, same run
 * @param growth how the model grows meanwhile
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
      throw ConfigException.notAllowed("dropout", dropout, "in 0 to below 1");
    }
    if (!(nested >= 0 && nested <= 1)) {
      throw ConfigException.notAllowed("nested", nested, "in 0 to 1");
    }
    growth.checkSteps(schedule.steps());
  }

  /** Of a run in which nothing grows. */
  public TrainingOptions(
      Schedule schedule,
      TrainingShape shape,
      int accumulate,
      OptimizerOptions optimizer,
      double dropout,
      long seed) {
    this(schedule, shape, accumulate, optimizer, dropout, 0, seed, GrowthOptions.NONE);
  }

  /** The same with these growths. */
  public TrainingOptions with(GrowthOptions growths) {
    return new TrainingOptions(
        schedule, shape, accumulate, optimizer, dropout, nested, seed, growths);
  }

  /** Ids that a step learns from. */
  public long tokensPerStep() {
    return (long) shape.rows() * accumulate;
  }
}
