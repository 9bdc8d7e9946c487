package org.tokenformer.cli;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.grow.GrowthInit;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.train.GrowthOptions;
import org.tokenformer.engine.train.GrowthOptions.Stage;
import org.tokenformer.engine.train.OptimizerOptions;
import org.tokenformer.engine.train.Schedule;
import org.tokenformer.engine.train.TrainingOptions;
import picocli.CommandLine.Option;

/** The options of a run on which its weights hang. */
final class TrainingSettings {
  private static final int DEFAULT_BATCH = 8;
  private static final double DEFAULT_LEARNING_RATE = 1e-3;
  private static final int FEWEST_WARMUP_STEPS = 20;
  private static final long DEFAULT_SEED = 1;
  private static final int DEFAULT_GROWTH_WARMUP = 20;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Steps of the whole run, by default as many as go once through the data.")
  private @Nullable Integer steps;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "Sequences that are computed together, by default 8.")
  private @Nullable Integer batch;

  @Option(
      names = "--accumulate",
      paramLabel = "N",
      description = "Batches of a step, by default 1: more of them, and memory stays the same.")
  private @Nullable Integer accumulate;

  @Option(
      names = "--sequence",
      paramLabel = "N",
      description = "Tokens of a sequence, by default the model's whole context.")
  private @Nullable Integer sequence;

  @Option(
      names = "--lr",
      paramLabel = "X",
      description = "The highest learning rate, by default 0.001.")
  private @Nullable Double learningRate;

  @Option(
      names = "--min-lr",
      paramLabel = "X",
      description =
          "The last learning rate, by default a tenth of the highest; a cosine leads from one to the"
              + " other.")
  private @Nullable Double minLearningRate;

  @Option(
      names = "--warmup",
      paramLabel = "N",
      description =
          "Steps in which the learning rate grows to its highest, by default a hundredth of all"
              + " steps, and at least 20.")
  private @Nullable Integer warmup;

  @Option(
      names = "--weight-decay",
      paramLabel = "X",
      description = "Of all matrices, by default 0.1.")
  private @Nullable Double weightDecay;

  @Option(
      names = "--clip",
      paramLabel = "X",
      description = "The largest norm that all gradients together may have, by default 1.")
  private @Nullable Double clip;

  @Option(
      names = "--dropout",
      paramLabel = "P",
      description =
          "Share of the parameter tokens' weights that each step leaves out, by default 0.")
  private @Nullable Double dropout;

  @Option(
      names = "--nested",
      paramLabel = "P",
      description =
          "Share of the batches that learn with the first parameter tokens only, with at least 10 %% of"
              + " them at random, by default 0: then the first tokens are a model by themselves, see"
              + " 'generate --tokens' and 'shrink'.")
  private @Nullable Double nested;

  @Option(
      names = "--recompute",
      description =
          "Computes each layer twice instead of keeping what its way back needs: less memory, a"
              + " third more work, the same bits.")
  private boolean recompute;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Of the first weights, the order of the data and dropout, by default 1.")
  private @Nullable Long seed;

  @Option(
      names = "--init",
      paramLabel = "NAME",
      description =
          "How loud a new model begins: default, or released, as the released models began, which is"
              + " too loud with few layers.")
  private @Nullable Init init;

  @Option(
      names = "--value-scale",
      paramLabel = "X",
      description = "Times the first values of new parameter tokens, by default 1.")
  private @Nullable Double valueScale;

  @Option(
      names = "--grow-at",
      paramLabel = "STEP:SIZES",
      description =
          "After so many steps the model grows, as 400:ffn=1024,qkv=256: qkv, proj and ffn are"
              + " numbers of parameter tokens, of all layers or as 1024@0-2 of some; layers=N adds"
              + " layers. May be given several times.")
  private @Nullable List<String> growAt;

  @Option(
      names = "--grow-init",
      paramLabel = "NAME",
      description =
          "What new parameter tokens begin with: zero (by default, not for softmax) and split keep what"
              + " the model computes, released does not; how loud is what --init and --value-scale"
              + " say.")
  private @Nullable GrowthInit growInit;

  @Option(
      names = "--grow-warmup",
      paramLabel = "N",
      description =
          "Steps after each growth in which the learning rate comes back from nothing, by default"
              + " 20.")
  private @Nullable Integer growWarmup;

  @Option(
      names = "--freeze-old",
      description =
          "Trains only the parameter tokens that the last growth added, of the model or in this run;"
              + " all else stays as it is, to the bit.")
  private boolean freezeOld;

  enum Init {
    DEFAULT(InitialValues.Kind.SCALED),
    RELEASED(InitialValues.Kind.RELEASED);

    private final InitialValues.Kind kind;

    Init(InitialValues.Kind kind) {
      this.kind = kind;
    }

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Of a new run: how loud values begin. */
  InitialValues values() {
    InitialValues.Kind kind = orElse(init, Init.DEFAULT).kind;
    return new InitialValues(kind, orElse(valueScale, 1.0));
  }

  /**
   * Of a new run that begins with this model.
   *
   * @param learned whether the model has learned already, so that there is something to keep
   */
  GrowthOptions growth(TokenFormerConfig config, boolean learned) {
    InitialValues values = values();
    if (growAt == null && (growInit != null || growWarmup != null)) {
      throw new UserError(
          "%s: says how a model grows, and no --grow-at says when; add one or leave it out"
              .formatted(growInit == null ? "--grow-warmup" : "--grow-init"));
    }
    List<Stage> stages = stages();
    GrowthInit with = orElse(growInit, GrowthInit.ZERO);
    int warm = orElse(growWarmup, DEFAULT_GROWTH_WARMUP);
    GrowthOptions growth = new GrowthOptions(stages, with, values, warm, freezeOld);
    growth.check(config, 0);
    if (steps != null) {
      growth.checkSteps(steps);
    }
    if (learned && freezeOld) {
      growth.checkKeeps(config);
    }
    return growth;
  }

  private List<Stage> stages() {
    return orElse(growAt, List.<String>of()).stream().map(Stage::parse).toList();
  }

  /** Of a new run. */
  TrainingShape shape(TokenFormerConfig config) {
    int length = orElse(sequence, config.contextLength());
    if (length > config.contextLength()) {
      throw new UserError(
          "--sequence: %d is more than the model's context of %d"
              .formatted(length, config.contextLength()));
    }
    return new TrainingShape(orElse(batch, DEFAULT_BATCH), length, recompute);
  }

  /** Of a new run. */
  long seed() {
    return orElse(seed, DEFAULT_SEED);
  }

  /**
   * For a new run.
   *
   * @param tokens of the training data
   */
  TrainingOptions options(TrainingShape shape, long tokens, GrowthOptions growth) {
    int batches = orElse(accumulate, 1);
    long perStep = (long) shape.rows() * Math.max(1, batches);
    int all = orElse(steps, Math.clamp(Math.ceilDiv(tokens, perStep), 1, Integer.MAX_VALUE));
    double highest = orElse(learningRate, DEFAULT_LEARNING_RATE);
    int warm = orElse(warmup, Math.min(Math.max(FEWEST_WARMUP_STEPS, all / 100), all));
    OptimizerOptions paper = OptimizerOptions.defaults();
    return new TrainingOptions(
        new Schedule(all, warm, highest, orElse(minLearningRate, highest / 10)),
        shape,
        batches,
        new OptimizerOptions(
            paper.beta1(),
            paper.beta2(),
            paper.epsilon(),
            orElse(weightDecay, paper.weightDecay()),
            orElse(clip, paper.clip())),
        orElse(dropout, 0.0),
        orElse(nested, 0.0),
        seed(),
        growth);
  }

  /**
   * For a run that goes on: its own.
   *
   * @throws UserError if one was given that is another
   */
  TrainingOptions options(TrainingOptions saved) {
    Schedule schedule = saved.schedule();
    same("--steps", steps, schedule.steps());
    same("--batch", batch, saved.shape().batch());
    same("--accumulate", accumulate, saved.accumulate());
    same("--sequence", sequence, saved.shape().sequence());
    same("--lr", learningRate, schedule.learningRate());
    same("--min-lr", minLearningRate, schedule.minLearningRate());
    same("--warmup", warmup, schedule.warmup());
    same("--weight-decay", weightDecay, saved.optimizer().weightDecay());
    same("--clip", clip, saved.optimizer().clip());
    same("--dropout", dropout, saved.dropout());
    same("--nested", nested, saved.nested());
    same("--seed", seed, saved.seed());
    sameGrowth(saved.growth());
    TrainingShape shape = saved.shape();
    return new TrainingOptions(
        schedule,
        new TrainingShape(shape.batch(), shape.sequence(), shape.recompute() || recompute),
        saved.accumulate(),
        saved.optimizer(),
        saved.dropout(),
        saved.nested(),
        saved.seed(),
        saved.growth());
  }

  private void sameGrowth(GrowthOptions saved) {
    same("--grow-at", growAt == null ? null : stages(), saved.stages());
    same("--grow-init", growInit, saved.init());
    same("--grow-warmup", growWarmup, saved.warmup());
    same("--freeze-old", freezeOld ? Boolean.TRUE : null, saved.freezeOld());
    Init savedInit =
        saved.values().kind() == InitialValues.Kind.RELEASED ? Init.RELEASED : Init.DEFAULT;
    same("--init", init, savedInit);
    same("--value-scale", valueScale, saved.values().factor());
  }

  private static <T> void same(String option, @Nullable T given, T saved) {
    if (given != null && !given.equals(saved)) {
      throw new UserError(
          "%s: %s is not the %s of the run that is to go on; leave the option out, or start a new run"
                  .formatted(option, given, saved)
              + " from its model with -m");
    }
  }

  private static <T> T orElse(@Nullable T given, T otherwise) {
    return Objects.requireNonNullElse(given, otherwise);
  }
}
