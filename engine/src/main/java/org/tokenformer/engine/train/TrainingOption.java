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
 * The options of a training run, each with all that is known of it: its name, its type, its
 * default, a sentence for people, and how it is saved. A command line is made from this table, a
 * state file is written and read by it, and a run that goes on is compared by it.
 *
 * <p>A new option needs a constant here, a checked component in the record that the trainer reads
 * it from, and its place in {@link TrainingChoices#options}.
 *
 * @param <T> the type of its values
 */
public final class TrainingOption<T> {
  private static final List<TrainingOption<?>> TABLE = new ArrayList<>();

  /** Where a help sentence says the default. */
  private static final String DEFAULT = "{default}";

  // In the order in which state files have them. A default of null is computed from the data, the
  // model or other options: TrainingChoices.

  /** Of the whole run. */
  public static final TrainingOption<Integer> STEPS =
      new TrainingOption<>(
          "steps",
          OptionForm.WHOLE,
          null,
          options -> options.schedule().steps(),
          "Steps of the whole run, by default as many as go once through the data.");

  /** {@link Schedule#warmup}. */
  public static final TrainingOption<Integer> WARMUP =
      new TrainingOption<>(
          "warmup",
          OptionForm.WHOLE,
          null,
          options -> options.schedule().warmup(),
          "Steps in which the learning rate grows to its highest, by default a hundredth of all"
              + " steps, and at least 20.");

  /** {@link Schedule#learningRate}. */
  public static final TrainingOption<Double> LEARNING_RATE =
      new TrainingOption<>(
          "lr",
          OptionForm.NUMBER,
          1e-3,
          options -> options.schedule().learningRate(),
          "The highest learning rate, by default {default}.");

  /** {@link Schedule#minLearningRate}. */
  public static final TrainingOption<Double> MIN_LEARNING_RATE =
      new TrainingOption<>(
          "min_lr",
          OptionForm.NUMBER,
          null,
          options -> options.schedule().minLearningRate(),
          "The last learning rate, by default a tenth of the highest; a cosine leads from one to"
              + " the other.");

  /** Sequences of a micro-batch. */
  public static final TrainingOption<Integer> BATCH =
      new TrainingOption<>(
          "batch",
          OptionForm.WHOLE,
          8,
          options -> options.shape().batch(),
          "Sequences that are computed together, by default {default}.");

  /** Rows of a sequence. */
  public static final TrainingOption<Integer> SEQUENCE =
      new TrainingOption<>(
          "sequence",
          OptionForm.WHOLE,
          null,
          options -> options.shape().sequence(),
          "Tokens of a sequence, by default the model's whole context.");

  /** Changes no bit, so that a run may go on with another value. */
  public static final TrainingOption<Boolean> RECOMPUTE =
      new TrainingOption<>(
          "recompute",
          OptionForm.FLAG,
          false,
          options -> options.shape().recompute(),
          "Computes each layer twice instead of keeping what its way back needs: less memory, a"
              + " third more work, the same bits.");

  /** Micro-batches of a step. */
  public static final TrainingOption<Integer> ACCUMULATE =
      new TrainingOption<>(
          "accumulate",
          OptionForm.WHOLE,
          1,
          TrainingOptions::accumulate,
          "Batches of a step, by default {default}: more of them, and memory stays the same.");

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
          "Of all matrices, by default {default}.");

  /** {@link OptimizerOptions#clip}. */
  public static final TrainingOption<Double> CLIP =
      new TrainingOption<>(
          "clip",
          OptionForm.NUMBER,
          1.0,
          options -> options.optimizer().clip(),
          "The largest norm that all gradients together may have, by default {default}.");

  /** {@link TrainingOptions#dropout}. */
  public static final TrainingOption<Double> DROPOUT =
      new TrainingOption<>(
          "dropout",
          OptionForm.FRACTION,
          0.0,
          TrainingOptions::dropout,
          "Share of the parameter tokens' weights that each step leaves out, by default {default}.");

  /** {@link TrainingOptions#nested}. */
  public static final TrainingOption<Double> NESTED =
      new TrainingOption<>(
          "nested",
          OptionForm.FRACTION,
          0.0,
          TrainingOptions::nested,
          "Share of the batches that learn with the first parameter tokens only, with at least 10 %"
              + " of them at random, by default {default}: then the first tokens are a model by"
              + " themselves, see 'generate --tokens' and 'shrink'.");

  /** {@link TrainingOptions#seed}. */
  public static final TrainingOption<Long> SEED =
      new TrainingOption<>(
          "seed",
          OptionForm.SEED,
          1L,
          TrainingOptions::seed,
          "Of the first weights, the order of the data and dropout, by default {default}.");

  /** {@link GrowthOptions#stages}. */
  public static final TrainingOption<List<GrowthOptions.Stage>> GROW_AT =
      new TrainingOption<>(
          "grow_at",
          OptionForm.STAGES,
          List.of(),
          options -> options.growth().stages(),
          "After so many steps the model grows, as 400:ffn=1024,qkv=256: qkv, proj and ffn are"
              + " numbers of parameter tokens, of all layers or as 1024@0-2 of some; layers=N adds"
              + " layers. May be given several times.");

  /** {@link GrowthOptions#init}. */
  public static final TrainingOption<GrowthInit> GROW_INIT =
      new TrainingOption<>(
          "grow_init",
          OptionForm.choice(GrowthInit.class, GrowthInit::toString),
          GrowthInit.ZERO,
          options -> options.growth().init(),
          "What new parameter tokens begin with: {default} (by default, not for softmax) and split"
              + " keep what the model computes, released does not; how loud is what {init}"
              + " and {value_scale} say.");

  /** {@link GrowthOptions#warmup}. */
  public static final TrainingOption<Integer> GROW_WARMUP =
      new TrainingOption<>(
          "grow_warmup",
          OptionForm.WHOLE,
          20,
          options -> options.growth().warmup(),
          "Steps after each growth in which the learning rate comes back from nothing, by default"
              + " {default}.");

  /** {@link GrowthOptions#freezeOld}. */
  public static final TrainingOption<Boolean> FREEZE_OLD =
      new TrainingOption<>(
          "freeze_old",
          OptionForm.FLAG,
          false,
          options -> options.growth().freezeOld(),
          "Trains only the parameter tokens that the last growth added, of the model or in this"
              + " run; all else stays as it is, to the bit.");

  /** {@link InitialValues#kind}. */
  public static final TrainingOption<InitialValues.Kind> INIT =
      new TrainingOption<>(
          "init",
          OptionForm.choice(
              InitialValues.Kind.class,
              kind -> kind == InitialValues.Kind.SCALED ? "default" : kind.toString()),
          InitialValues.Kind.SCALED,
          options -> options.growth().values().kind(),
          "How loud a new model begins: {default}, or released, as the released models began, which"
              + " is too loud with few layers.");

  /** {@link InitialValues#factor}. */
  public static final TrainingOption<Double> VALUE_SCALE =
      new TrainingOption<>(
          "value_scale",
          OptionForm.NUMBER,
          1.0,
          options -> options.growth().values().factor(),
          "Times the first values of new parameter tokens, by default {default}.");

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

  /** All of them, in the order in which they are saved. */
  public static List<TrainingOption<?>> all() {
    return List.copyOf(TABLE);
  }

  /** As files and exceptions call it. */
  public String name() {
    return name;
  }

  /**
   * A sentence for people, the default in it; null for what is saved but not offered. Options that
   * it mentions stand in braces, as {@code {value_scale}}.
   */
  public @Nullable String help() {
    return help == null || defaultValue == null
        ? help
        : help.replace(DEFAULT, form.text().apply(defaultValue).replaceFirst("\\.0$", ""));
  }

  /**
   * The type in which values are given: {@link Integer}, {@link Long}, {@link Double}, {@link
   * Boolean} for a flag, {@link String} where there are {@link #choices}, {@link List} of texts for
   * what may be given several times.
   */
  public Class<?> given() {
    return form.given();
  }

  /** Stands for a value in a command's help, as {@code N}; empty for flags, which have none. */
  public String label() {
    return form.label();
  }

  /** The texts that are allowed; empty where there are others. */
  public List<String> choices() {
    return List.copyOf(form.choices().keySet());
  }

  /**
   * The value of what was given.
   *
   * @param given of the type {@link #given()}, one of the choices where there are some
   * @throws org.tokenformer.engine.model.ConfigException if it cannot be read
   */
  public T value(Object given) {
    return form.made().apply(given);
  }

  /** A value as it is given. */
  public String text(T value) {
    return form.text().apply(value);
  }

  /** The value if none is given; null if it hangs on the data, the model or other options. */
  public @Nullable T defaultValue() {
    return defaultValue;
  }

  /** The value in a run's options. */
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
