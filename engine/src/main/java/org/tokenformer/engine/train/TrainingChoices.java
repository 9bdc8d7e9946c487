package org.tokenformer.engine.train;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.model.files.Fields;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.TrainingShape;

/**
 * The values chosen for some of the {@link TrainingOption}s. All other options have their defaults,
 * some of which depend on the model and the data. Immutable.
 */
public final class TrainingChoices {
  /** Steps of a run over a small text, which one pass would hardly change the weights. */
  private static final int MIN_DEFAULT_STEPS = 500;

  /** A faster warm-up to the default rate throws the loss up before it falls. */
  private static final int MIN_WARMUP_STEPS = 100;

  /** Options that may change when a run is resumed. */
  private static final Set<TrainingOption<?>> RESUMABLE =
      Set.of(TrainingOption.RECOMPUTE, TrainingOption.STEPS);

  /** No choices: every option has its default. */
  public static final TrainingChoices NONE = new TrainingChoices(Map.of());

  private final Map<TrainingOption<?>, Object> chosen;

  private TrainingChoices(Map<TrainingOption<?>, Object> chosen) {
    this.chosen = chosen;
  }

  /** Returns all options of a run as choices. */
  public static TrainingChoices of(TrainingOptions options) {
    Map<TrainingOption<?>, Object> all = new HashMap<>();
    for (TrainingOption<?> option : TrainingOption.all()) {
      all.put(option, Objects.requireNonNull(option.of(options)));
    }
    return new TrainingChoices(all);
  }

  /** Reads all options from a state file. */
  static TrainingChoices read(Fields fields) throws ModelFormatException {
    Map<TrainingOption<?>, Object> all = new HashMap<>();
    for (TrainingOption<?> option : TrainingOption.all()) {
      all.put(option, Objects.requireNonNull(option.read(fields)));
    }
    return new TrainingChoices(all);
  }

  /** Returns these choices with one more value. */
  public <T> TrainingChoices with(TrainingOption<T> option, T value) {
    Map<TrainingOption<?>, Object> more = new HashMap<>(chosen);
    more.put(option, Objects.requireNonNull(value));
    return new TrainingChoices(more);
  }

  /** Returns the chosen value, or null if none was chosen. */
  @SuppressWarnings("unchecked") // with, of and read store only values of the option's type
  public <T> @Nullable T chosen(TrainingOption<T> option) {
    return (T) chosen.get(option);
  }

  /**
   * Returns the chosen value, or the default.
   *
   * @throws IllegalStateException if there is neither
   */
  public <T> T get(TrainingOption<T> option) {
    T value = chosen(option);
    if (value == null) {
      value = option.defaultValue();
    }
    if (value == null) {
      throw new IllegalStateException(option + " was not chosen and has no fixed default");
    }
    return value;
  }

  private <T> TrainingChoices withDefault(TrainingOption<T> option, T value) {
    return chosen.containsKey(option) ? this : with(option, value);
  }

  /** Returns the initialisation scale of values. */
  public InitialValues values() {
    return new InitialValues(get(TrainingOption.INIT), get(TrainingOption.VALUE_SCALE));
  }

  /** Returns the growth options. */
  public GrowthOptions growth() {
    return new GrowthOptions(
        get(TrainingOption.GROW_AT),
        get(TrainingOption.GROW_INIT),
        values(),
        get(TrainingOption.GROW_WARMUP),
        get(TrainingOption.FREEZE_OLD));
  }

  /**
   * Returns the shape of a micro-batch.
   *
   * @param contextLength of the model
   */
  public TrainingShape shape(int contextLength) {
    return withDefault(TrainingOption.SEQUENCE, contextLength).shape();
  }

  private TrainingShape shape() {
    return new TrainingShape(
        get(TrainingOption.BATCH), get(TrainingOption.SEQUENCE), get(TrainingOption.RECOMPUTE));
  }

  /** Returns the optimiser's options. */
  OptimizerOptions optimizer() {
    return new OptimizerOptions(
        get(TrainingOption.BETA1),
        get(TrainingOption.BETA2),
        get(TrainingOption.EPSILON),
        get(TrainingOption.WEIGHT_DECAY),
        get(TrainingOption.CLIP));
  }

  /**
   * Returns the complete options of a run.
   *
   * @param contextLength of the model
   * @param tokens size of the training data
   * @throws org.tokenformer.engine.model.ConfigException naming the first invalid option
   */
  public TrainingOptions options(int contextLength, long tokens) {
    long perStep = (long) shape(contextLength).rows() * Math.max(1, get(TrainingOption.ACCUMULATE));
    int steps = Math.clamp(Math.ceilDiv(tokens, perStep), MIN_DEFAULT_STEPS, Integer.MAX_VALUE);
    return withDefault(TrainingOption.SEQUENCE, contextLength)
        .withDefault(TrainingOption.STEPS, steps)
        .withScheduleDefaults()
        .options();
  }

  private TrainingChoices withScheduleDefaults() {
    int steps = get(TrainingOption.STEPS);
    int warmup = Math.min(Math.max(MIN_WARMUP_STEPS, steps / 100), Math.ceilDiv(steps, 2));
    return withDefault(TrainingOption.WARMUP, warmup)
        .withDefault(TrainingOption.MIN_LEARNING_RATE, get(TrainingOption.LEARNING_RATE) / 10);
  }

  /**
   * Returns the complete options of a run.
   *
   * @throws IllegalStateException if an option was not chosen and has no fixed default
   */
  TrainingOptions options() {
    return new TrainingOptions(
        new Schedule(
            get(TrainingOption.STEPS),
            get(TrainingOption.WARMUP),
            get(TrainingOption.LEARNING_RATE),
            get(TrainingOption.MIN_LEARNING_RATE)),
        shape(),
        get(TrainingOption.ACCUMULATE),
        optimizer(),
        get(TrainingOption.DROPOUT),
        get(TrainingOption.NESTED),
        get(TrainingOption.SEED),
        growth());
  }

  /**
   * Returns the first chosen option that differs from a saved run, so that the run cannot be
   * resumed with it; null if there is none. {@link TrainingOption#RECOMPUTE} is ignored, since
   * results are bit-identical with it, and {@link TrainingOption#STEPS}, since a run may be
   * extended.
   */
  public @Nullable TrainingOption<?> difference(TrainingOptions saved) {
    for (TrainingOption<?> option : TrainingOption.all()) {
      Object value = chosen.get(option);
      boolean mayChange = RESUMABLE.contains(option);
      if (value != null && !mayChange && !value.equals(option.of(saved))) {
        return option;
      }
    }
    return null;
  }

  /**
   * Returns the options for resuming a run: its own, with recomputation added if it was chosen, and
   * with the chosen number of steps. The learning-rate schedule then covers the new total; a
   * warm-up longer than that is cut.
   */
  public TrainingOptions resuming(TrainingOptions saved) {
    boolean recompute = get(TrainingOption.RECOMPUTE) || saved.shape().recompute();
    Integer chosenSteps = chosen(TrainingOption.STEPS);
    int steps = chosenSteps == null ? saved.schedule().steps() : chosenSteps;
    return of(saved)
        .with(TrainingOption.RECOMPUTE, recompute)
        .with(TrainingOption.STEPS, steps)
        .with(TrainingOption.WARMUP, Math.min(saved.schedule().warmup(), steps))
        .options();
  }
}
