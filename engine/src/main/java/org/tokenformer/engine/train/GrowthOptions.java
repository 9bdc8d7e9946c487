package org.tokenformer.engine.train;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.tokenformer.engine.checkpoint.CheckpointException;
import org.tokenformer.engine.grow.Growth;
import org.tokenformer.engine.grow.GrowthInit;
import org.tokenformer.engine.grow.GrowthPlan;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.training.InitialValues;

/**
 * How a model grows while it learns.
 *
 * @param stages in the order of their steps
 * @param init what new parameter tokens begin with
 * @param values how loud new values begin
 * @param warmup steps after a growth in which the learning rate comes back from nothing
 * @param freezeOld whether only what the last growth added is trained
 */
public record GrowthOptions(
    List<Stage> stages, GrowthInit init, InitialValues values, int warmup, boolean freezeOld) {
  /** Of a run in which nothing grows. */
  public static final GrowthOptions NONE =
      new GrowthOptions(List.of(), GrowthInit.ZERO, InitialValues.SCALED, 0, false);

  private static final String GROW_AT = "grow_at";
  private static final String FREEZE_OLD = "freeze_old";

  // What cannot be shown on one line is no plan.
  private static final Pattern STAGE = Pattern.compile("(\\d{1,9}):([\\x20-\\x7e]*)");

  /** Copies the list and checks the order. */
  public GrowthOptions {
    stages = List.copyOf(stages);
    for (int i = 1; i < stages.size(); i++) {
      if (stages.get(i).afterStep() <= stages.get(i - 1).afterStep()) {
        throw ConfigException.of(
            GROW_AT,
            stages.get(i),
            "'%s' comes after '%s'; give them in the order of their steps"
                .formatted(stages.get(i), stages.get(i - 1)));
      }
    }
    if (warmup < 0) {
      throw ConfigException.notAllowed("grow_warmup", warmup, "at least 0");
    }
  }

  /**
   * One growth.
   *
   * @param afterStep steps that are done before it, from 0 on
   */
  public record Stage(int afterStep, GrowthPlan plan) {
    /**
     * Reads {@code 400:ffn=1024,qkv=256}.
     *
     * @throws ConfigException naming what cannot be read
     */
    public static Stage parse(String text) {
      Matcher stage = STAGE.matcher(text);
      if (!stage.matches()) {
        throw ConfigException.notAllowed(
            GROW_AT, CheckpointException.quote(text), "a step and sizes, as 400:ffn=1024,qkv=256");
      }
      try {
        int step = Integer.parseInt(stage.group(1));
        return new Stage(step, GrowthPlan.parse(stage.group(2)));
      } catch (ConfigException e) {
        throw e.within(GROW_AT, text);
      }
    }

    /** As {@link #parse} reads it. */
    @Override
    public String toString() {
      return afterStep + ":" + plan;
    }
  }

  /**
   * What this model becomes in the stages that are left.
   *
   * @param done stages that this model has behind it
   * @throws ConfigException if one of the others cannot follow
   */
  public TokenFormerConfig last(TokenFormerConfig config, int done) {
    TokenFormerConfig grown = config;
    for (Stage stage : stages.subList(Math.min(done, stages.size()), stages.size())) {
      grown = growth(stage, grown).after();
    }
    return grown;
  }

  /**
   * Looks whether a run can go on with this model.
   *
   * @param done stages that it has behind it
   * @throws ConfigException if a stage cannot follow, or if there is nothing old to freeze
   */
  public void check(TokenFormerConfig config, int done) {
    if (done > Math.min(stages.size(), config.history().size())) {
      throw ConfigException.of(
          "growths",
          done,
          "%d is more than the %d of the run and the %d of the model"
              .formatted(done, stages.size(), config.history().size()));
    }
    last(config, done);
    if (freezeOld && stages.isEmpty() && config.history().isEmpty()) {
      throw new ConfigException(
          FREEZE_OLD,
          "the model never grew, so that nothing of it is new; add grow_at, or go on from a grown"
              + " model");
    }
  }

  /**
   * Looks whether all stages come before the last step.
   *
   * @throws ConfigException naming the first that does not
   */
  public void checkSteps(int steps) {
    for (Stage stage : stages) {
      if (stage.afterStep() >= steps) {
        throw ConfigException.of(
            GROW_AT, stage, "'%s' comes after the last of %d steps".formatted(stage, steps));
      }
    }
  }

  /**
   * Looks whether what a model has learned stays as it is from the first step on.
   *
   * @throws ConfigException if it would be trained before it is frozen
   */
  public void checkKeeps(TokenFormerConfig config) {
    if (config.history().isEmpty() && stages.getFirst().afterStep() > 0) {
      throw new ConfigException(
          FREEZE_OLD,
          "nothing of the model is new before '%s', so that all of it would be trained"
                  .formatted(stages.getFirst())
              + " until then; grow at step 0");
    }
  }

  /** How many stages are due when so many steps are done. */
  int dueAfter(int steps) {
    return (int) stages.stream().filter(stage -> stage.afterStep() <= steps).count();
  }

  Growth growth(Stage stage, TokenFormerConfig config) {
    try {
      return Growth.of(config, stage.plan(), init);
    } catch (ConfigException e) {
      throw e.within(GROW_AT, stage);
    }
  }

  /** Whether only the new parameter tokens of this model are trained. */
  public boolean trainsOnlyNew(TokenFormerConfig config) {
    return freezeOld && !(config.history().isEmpty() && !stages.isEmpty());
  }

  /** Times the learning rate of a step: from nothing to 1 after each growth. */
  double warmupFactor(int step) {
    double warmupFactor = 1;
    for (int i = 0; i < stages.size(); i++) {
      int since = step - stages.get(i).afterStep();
      if (stages.get(i).afterStep() > 0 && since > 0 && since < warmup) {
        warmupFactor = (double) since / warmup;
      }
    }
    return warmupFactor;
  }
}
