package org.tokenformer.engine.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.grow.GrowthInit;
import org.tokenformer.engine.model.files.Fields;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.training.InitialValues;

/**
 * The options of a training run: name, type, default, help text and stored form of each. The
 * command line is generated from this table, state files are written and read with it, and it is
 * used to compare the options of a resumed run.
 *
 * <p>A new option needs a constant here, a checked component in the record from which the trainer
 * reads it, and an argument in {@link TrainingChoices#options}.
 *
 * @param <T> the type of its values
 */
public final class TrainingOption<T> {
  private static final List<TrainingOption<?>> TABLE = new ArrayList<>();

  /** Placeholder of the default in a help text. */
  private static final String DEFAULT = "{default}";

  // In the order of state files. If a default is null, TrainingChoices computes it from the data,
  // the model or other options.

  /** {@link Schedule#steps}. */
  public static final TrainingOption<Integer> STEPS =
      new TrainingOption<>(
          "steps",
          OptionForm.WHOLE,
          null,
          options -> options.schedule().steps(),
          "Total number of training steps. A resumed run may be given more: the learning-rate schedule then covers the new total. Default: one pass over the data, but at least 500 steps.");

  /** {@link Schedule#warmup}. */
  public static final TrainingOption<Integer> WARMUP =
      new TrainingOption<>(
          "warmup",
          OptionForm.WHOLE,
          null,
          options -> options.schedule().warmup(),
          "Steps over which the learning rate warms up from zero to its maximum. Default: 1 % of all"
              + " steps, but at least 100 (at most half).");

  /** {@link Schedule#learningRate}. */
  public static final TrainingOption<Double> LEARNING_RATE =
      new TrainingOption<>(
          "lr",
          OptionForm.NUMBER,
          1e-3,
          options -> options.schedule().learningRate(),
          "Maximum learning rate. Default: {default}.");

  /** {@link Schedule#minLearningRate}. */
  public static final TrainingOption<Double> MIN_LEARNING_RATE =
      new TrainingOption<>(
          "min_lr",
          OptionForm.NUMBER,
          null,
          options -> options.schedule().minLearningRate(),
          "Learning rate of the last step, reached by cosine decay. Default: a tenth of the"
              + " maximum.");

  /** Sequences of a micro-batch. */
  public static final TrainingOption<Integer> BATCH =
      new TrainingOption<>(
          "batch",
          OptionForm.WHOLE,
          8,
          options -> options.shape().batch(),
          "Sequences per micro-batch. Default: {default}.");

  /** Tokens of a sequence. */
  public static final TrainingOption<Integer> SEQUENCE =
      new TrainingOption<>(
          "sequence",
          OptionForm.WHOLE,
          null,
          options -> options.shape().sequence(),
          "Tokens per sequence. Default: the model's context length.");

  /** Results are bit-identical, so a run can be resumed with another value. */
  public static final TrainingOption<Boolean> RECOMPUTE =
      new TrainingOption<>(
          "recompute",
          OptionForm.FLAG,
          false,
          options -> options.shape().recompute(),
          "Recompute each layer's activations in the backward pass instead of keeping them: less"
              + " memory, a third more computation, bit-identical results.");

  /** Micro-batches accumulated per step. */
  public static final TrainingOption<Integer> ACCUMULATE =
      new TrainingOption<>(
          "accumulate",
          OptionForm.WHOLE,
          1,
          TrainingOptions::accumulate,
          "Micro-batches per step whose gradients are accumulated; does not increase memory use. Default: {default}.");

  /** {@link OptimizerOptions#beta1}. */
  public static final TrainingOption<Double> BETA1 =
      new TrainingOption<>(
          "beta1", OptionForm.NUMBER, 0.9, options -> options.optimizer().beta1(), null);

  /** {@link OptimizerOptions#beta2}. */
  public static final TrainingOption<Double> BETA2 =
      new TrainingOption<>(
          "beta2", OptionForm.NUMBER, 0.95, options -> options.optimizer().beta2(), null);

  /** {@link OptimizerOptions#epsilon}. */
  public static final TrainingOption<Double> EPSILON =
      new TrainingOption<>(
          "epsilon", OptionForm.NUMBER, 1e-8, options -> options.optimizer().epsilon(), null);

  /** {@link OptimizerOptions#weightDecay}. */
  public static final TrainingOption<Double> WEIGHT_DECAY =
      new TrainingOption<>(
          "weight_decay",
          OptionForm.NUMBER,
          0.1,
          options -> options.optimizer().weightDecay(),
          "Weight decay, applied to all matrices. Default: {default}.");

  /** {@link OptimizerOptions#clip}. */
  public static final TrainingOption<Double> CLIP =
      new TrainingOption<>(
          "clip",
          OptionForm.NUMBER,
          1.0,
          options -> options.optimizer().clip(),
          "Maximum global L2 norm of the gradients; if it is exceeded, they are scaled down. Default:"
              + " {default}.");

  /** {@link TrainingOptions#dropout}. */
  public static final TrainingOption<Double> DROPOUT =
      new TrainingOption<>(
          "dropout",
          OptionForm.FRACTION,
          0.0,
          TrainingOptions::dropout,
          "Dropout probability of the attention weights over parameter tokens."
              + " Default: {default}.");

  /** {@link TrainingOptions#nested}. */
  public static final TrainingOption<Double> NESTED =
      new TrainingOption<>(
          "nested",
          OptionForm.FRACTION,
          0.0,
          TrainingOptions::nested,
          "Fraction of micro-batches trained with only a random prefix of the parameter tokens (at"
              + " least 10 %), so that each such prefix works as a smaller model; see 'generate --tokens' and"
              + " 'shrink'. Default: {default}.");

  /** {@link TrainingOptions#seed}. */
  public static final TrainingOption<Long> SEED =
      new TrainingOption<>(
          "seed",
          OptionForm.SEED,
          1L,
          TrainingOptions::seed,
          "Seed of the initial weights, the order of the data and dropout. Default: {default}.");

  /** {@link GrowthOptions#stages}. */
  public static final TrainingOption<List<GrowthOptions.Stage>> GROW_AT =
      new TrainingOption<>(
          "grow_at",
          OptionForm.STAGES,
          List.of(),
          options -> options.growth().stages(),
          "Grow the model after a step, for example 400:ffn=1024,qkv=256. qkv, proj and ffn are the"
              + " new numbers of parameter tokens, in all layers or in some (ffn=1024@0-2); layers is"
              + " the new number of layers. Can be repeated.");

  /** {@link GrowthOptions#init}. */
  public static final TrainingOption<GrowthInit> GROW_INIT =
      new TrainingOption<>(
          "grow_init",
          OptionForm.choice(GrowthInit.class, GrowthInit::toString),
          GrowthInit.ZERO,
          options -> options.growth().init(),
          "Initialisation of new parameter tokens: zero (not for softmax) and split preserve the"
              + " model's output, released does not. {init} and {value_scale} set the scale of random"
              + " values. Default: {default}.");

  /** {@link GrowthOptions#warmup}. */
  public static final TrainingOption<Integer> GROW_WARMUP =
      new TrainingOption<>(
          "grow_warmup",
          OptionForm.WHOLE,
          20,
          options -> options.growth().warmup(),
          "Steps over which the learning rate warms up from zero after each growth. Default:"
              + " {default}.");

  /** {@link GrowthOptions#freezeOld}. */
  public static final TrainingOption<Boolean> FREEZE_OLD =
      new TrainingOption<>(
          "freeze_old",
          OptionForm.FLAG,
          false,
          options -> options.growth().freezeOld(),
          "Train only the parameter tokens added by the latest growth, before or during this run;"
              + " all other weights stay bit-identical.");

  /** {@link InitialValues#kind}. */
  public static final TrainingOption<InitialValues.Kind> INIT =
      new TrainingOption<>(
          "init",
          OptionForm.choice(
              InitialValues.Kind.class,
              kind -> kind == InitialValues.Kind.SCALED ? "default" : kind.toString()),
          InitialValues.Kind.SCALED,
          options -> options.growth().values().kind(),
          "Initialisation scale of the parameter tokens' values: default, or released, which is"
              + " that of the released models and too large for models with few layers. Default:"
              + " {default}.");

  /** {@link InitialValues#factor}. */
  public static final TrainingOption<Double> VALUE_SCALE =
      new TrainingOption<>(
          "value_scale",
          OptionForm.NUMBER,
          1.0,
          options -> options.growth().values().factor(),
          "Factor that multiplies the initialisation scale of the parameter tokens' values. Default: {default}.");

  private final String name;
  private final OptionForm<T> form;
  private final @Nullable T defaultValue;
  private final Function<TrainingOptions, T> of;
  private final @Nullable String help;

  private TrainingOption(
      String name,
      OptionForm<T> form,
      @Nullable T defaultValue,
      Function<TrainingOptions, T> of,
      @Nullable String help) {
    this.name = name;
    this.form = form;
    this.defaultValue = defaultValue;
    this.of = of;
    this.help = help;
    TABLE.add(this);
  }

  /** Returns all options in the order of state files. */
  public static List<TrainingOption<?>> all() {
    return List.copyOf(TABLE);
  }

  /** Returns the name used in files and exceptions. */
  public String name() {
    return name;
  }

  /**
   * Returns the help text with the default filled in; null if the option is stored but not offered
   * to users. Names of other options are in braces, such as {@code {value_scale}}.
   */
  public @Nullable String help() {
    return help == null || defaultValue == null
        ? help
        : help.replace(DEFAULT, form.text().apply(defaultValue).replaceFirst("\\.0$", ""));
  }

  /**
   * Returns the type of given values: {@link Integer}, {@link Long}, {@link Double}, {@link
   * Boolean} for a flag, {@link String} if there are {@link #choices}, {@link List} of texts if the
   * option can be repeated.
   */
  public Class<?> given() {
    return form.given();
  }

  /** Returns the placeholder of the value in help, such as {@code N}; empty for flags. */
  public String label() {
    return form.label();
  }

  /** Returns the allowed texts; empty if the option is not a choice. */
  public List<String> choices() {
    return List.copyOf(form.choices().keySet());
  }

  /**
   * Converts a given value.
   *
   * @param given of the type {@link #given()}; one of the choices if there are any
   * @throws org.tokenformer.engine.model.ConfigException if it cannot be parsed
   */
  public T value(Object given) {
    return form.made().apply(given);
  }

  /** Returns the text of a value, as a user gives it. */
  public String text(T value) {
    return form.text().apply(value);
  }

  /** Returns the default; null if it depends on the data, the model or other options. */
  public @Nullable T defaultValue() {
    return defaultValue;
  }

  /** Returns the value in a run's options. */
  public T of(TrainingOptions options) {
    return of.apply(options);
  }

  void write(TrainingOptions options, Map<String, Object> fields) {
    fields.put(name, form.json().apply(of(options)));
  }

  T read(Fields fields) throws ModelFormatException {
    return Objects.requireNonNull(form.read().read(fields, name));
  }

  @Override
  public String toString() {
    return name;
  }
}
