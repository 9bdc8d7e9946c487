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
 * How a model grows during training.
 *
 * @param stages in the order of their steps
 * @param init how new parameter tokens are initialised
 * @param values initialisation scale of new values
 * @param warmup steps over which the learning rate warms up from zero after each growth
 * @param freezeOld whether only the parameter tokens added by the latest growth are trained
 */
public record GrowthOptions(
    List<Stage> stages, GrowthInit init, InitialValues values, int warmup, boolean freezeOld) {
  /** The options of a run without growth. */
  public static final GrowthOptions NONE =
      new GrowthOptions(List.of(), GrowthInit.ZERO, InitialValues.SCALED, 0, false);

  private static final String GROW_AT = "grow_at";
  private static final String FREEZE_OLD = "freeze_old";

  // Printable ASCII only, so that a plan can be quoted on one line of a message.
  private static final Pattern STAGE = Pattern.compile("(\\d{1,9}):([\\x20-\\x7e]*)");

  /** Copies the list and checks the order. */
  public GrowthOptions {
    stages = List.copyOf(stages);
    for (int i = 1; i < stages.size(); i++) {
      if (stages.get(i).afterStep() <= stages.get(i - 1).afterStep()) {
        throw ConfigException.of(
            GROW_AT,
            stages.get(i),
            "'%s' follows '%s'; list growths in the order of their steps"
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
   * @param afterStep steps done before it, at least 0
   */
  public record Stage(int afterStep, GrowthPlan plan) {
    /**
     * Parses text such as {@code 400:ffn=1024,qkv=256}.
     *
     * @throws ConfigException naming the part that cannot be parsed
     */
    public static Stage parse(String text) {
      Matcher stage = STAGE.matcher(text);
      if (!stage.matches()) {
        throw ConfigException.notAllowed(
            GROW_AT,
            CheckpointException.quote(text),
            "a step and sizes, such as 400:ffn=1024,qkv=256");
      }
      try {
        int step = Integer.parseInt(stage.group(1));
        return new Stage(step, GrowthPlan.parse(stage.group(2)));
      } catch (ConfigException e) {
        throw e.within(GROW_AT, text);
      }
    }

    /** Returns the text that {@link #parse} accepts. */
    @Override
    public String toString() {
      return afterStep + ":" + plan;
    }
  }

  /**
   * Returns the configuration after the remaining stages.
   *
   * @param done stages already applied to this model
   * @throws ConfigException if a remaining stage cannot be applied
   */
  public TokenFormerConfig last(TokenFormerConfig config, int done) {
    TokenFormerConfig grown = config;
    for (Stage stage : stages.subList(Math.min(done, stages.size()), stages.size())) {
      grown = growth(stage, grown).after();
    }
    return grown;
  }

  /**
   * Checks that a run can start or continue with this model.
   *
   * @param done stages already applied to it
   * @throws ConfigException if a remaining stage cannot be applied, or if old weights are to be
   *     frozen and the model never grows
   */
  public void check(TokenFormerConfig config, int done) {
    if (done > Math.min(stages.size(), config.history().size())) {
      throw ConfigException.of(
          "growths",
          done,
          "%d is more than the %d growths of the run or the %d of the model"
              .formatted(done, stages.size(), config.history().size()));
    }
    last(config, done);
    if (freezeOld && stages.isEmpty() && config.history().isEmpty()) {
      throw new ConfigException(
          FREEZE_OLD,
          "the model has never grown, so it has no new parameter tokens; add grow_at or continue"
              + " training a grown model");
    }
  }

  /**
   * Checks that all stages come before the last step.
   *
   * @throws ConfigException naming the first stage that does not
   */
  public void checkSteps(int steps) {
    for (Stage stage : stages) {
      if (stage.afterStep() >= steps) {
        throw ConfigException.of(
            GROW_AT,
            stage,
            "'%s' would grow the model after the last of %d steps".formatted(stage, steps));
      }
    }
  }

  /**
   * Checks that the weights of a trained model are frozen from the first step on.
   *
   * @throws ConfigException if they would be trained before they are frozen
   */
  public void checkKeeps(TokenFormerConfig config) {
    if (config.history().isEmpty() && stages.getFirst().afterStep() > 0) {
      throw new ConfigException(
          FREEZE_OLD,
          "the model has no new parameter tokens before '%s', so all of its weights would be"
                  .formatted(stages.getFirst())
              + " trained until then; grow at step 0");
    }
  }

  /** Returns how many stages are due after a number of steps. */
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

  /** Returns whether only the new parameter tokens of this model are trained. */
  public boolean trainsOnlyNew(TokenFormerConfig config) {
    return freezeOld && !(config.history().isEmpty() && !stages.isEmpty());
  }

  /** Returns the factor on the learning rate of a step: it rises from 0 to 1 after each growth. */
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
