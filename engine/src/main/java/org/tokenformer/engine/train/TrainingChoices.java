package org.tokenformer.engine.train;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.model.files.Fields;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.TrainingShape;

/**
 * Values that were chosen for some of the {@link TrainingOption}s. The others have their defaults,
 * once the model and the data are known on which some of those hang. Immutable.
 */
public final class TrainingChoices {
  private static final int MIN_WARMUP_STEPS = 20;

  /** Of a run in which everything is as it is by default. */
  public static final TrainingChoices NONE = new TrainingChoices(Map.of());

  private final Map<TrainingOption<?>, Object> chosen;

  private TrainingChoices(Map<TrainingOption<?>, Object> chosen) {
    this.chosen = chosen;
  }

  /** All options of a run. */
  public static TrainingChoices of(TrainingOptions options) {
    Map<TrainingOption<?>, Object> all = new HashMap<>();
    for (TrainingOption<?> option : TrainingOption.all()) {
      all.put(option, Objects.requireNonNull(option.of(options)));
    }
    return new TrainingChoices(all);
  }

  /** All options, as a state file has them. */
  static TrainingChoices read(Fields fields) throws ModelFormatException {
    Map<TrainingOption<?>, Object> all = new HashMap<>();
    for (TrainingOption<?> option : TrainingOption.all()) {
      all.put(option, Objects.requireNonNull(option.read(fields)));
    }
    return new TrainingChoices(all);
  }

  /** The same with this value. */
  public <T> TrainingChoices with(TrainingOption<T> option, T value) {
    Map<TrainingOption<?>, Object> more = new HashMap<>(chosen);
    more.put(option, Objects.requireNonNull(value));
    return new TrainingChoices(more);
  }

  /** The value that was chosen, or null if none was. */
  @SuppressWarnings("unchecked") // values come in by with, of and read, which know their type
  public <T> @Nullable T chosen(TrainingOption<T> option) {
    return (T) chosen.get(option);
  }

  /**
   * The value that was chosen, or the default.
   *
   * @throws IllegalStateException if there is neither
   */
  public <T> T get(TrainingOption<T> option) {
    T value = chosen(option);
    if (value == null) {
      value = option.defaultValue();
    }
    if (value == null) {
      throw new IllegalStateException(option + " was not chosen and has no default of its own");
    }
    return value;
  }

  private <T> TrainingChoices otherwise(TrainingOption<T> option, T value) {
    return chosen.containsKey(option) ? this : with(option, value);
  }

  /** How loud values begin. */
  public InitialValues values() {
    return new InitialValues(get(TrainingOption.INIT), get(TrainingOption.VALUE_SCALE));
  }

  /** How the model grows. */
  public GrowthOptions growth() {
    return new GrowthOptions(
        get(TrainingOption.GROW_AT),
        get(TrainingOption.GROW_INIT),
        values(),
        get(TrainingOption.GROW_WARMUP),
        get(TrainingOption.FREEZE_OLD));
  }

  /**
   * A micro-batch.
   *
   * @param contextLength of the model
   */
  public TrainingShape shape(int contextLength) {
    return otherwise(TrainingOption.SEQUENCE, contextLength).shape();
  }

  private TrainingShape shape() {
    return new TrainingShape(
        get(TrainingOption.BATCH), get(TrainingOption.SEQUENCE), get(TrainingOption.RECOMPUTE));
  }

  /** How weights change. */
  OptimizerOptions optimizer() {
    return new OptimizerOptions(
        get(TrainingOption.BETA1),
        get(TrainingOption.BETA2),
        get(TrainingOption.EPSILON),
        get(TrainingOption.WEIGHT_DECAY),
        get(TrainingOption.CLIP));
  }

  /**
   * What a run is to do.
   *
   * @param contextLength of the model
   * @param tokens of the training data
   * @throws org.tokenformer.engine.model.ConfigException naming the first option that is wrong
   */
  public TrainingOptions options(int contextLength, long tokens) {
    long perStep = (long) shape(contextLength).rows() * Math.max(1, get(TrainingOption.ACCUMULATE));
    int once = Math.clamp(Math.ceilDiv(tokens, perStep), 1, Integer.MAX_VALUE);
    TrainingChoices counted =
        otherwise(TrainingOption.SEQUENCE, contextLength).otherwise(TrainingOption.STEPS, once);
    int steps = counted.get(TrainingOption.STEPS);
    int warmup = Math.min(Math.max(MIN_WARMUP_STEPS, steps / 100), steps);
    return counted
        .otherwise(TrainingOption.WARMUP, warmup)
        .otherwise(TrainingOption.MIN_LEARNING_RATE, get(TrainingOption.LEARNING_RATE) / 10)
        .options();
  }

  /**
   * The options of which each was chosen.
   *
   * @throws IllegalStateException if one was not, and has no default of its own
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
   * The first option that was chosen differently than in a run, so that the run cannot go on with
   * it; null if there is none. {@link TrainingOption#RECOMPUTE}, which changes no bit, is none.
   */
  public @Nullable TrainingOption<?> difference(TrainingOptions saved) {
    for (TrainingOption<?> option : TrainingOption.all()) {
      Object value = chosen.get(option);
      boolean mayChange = option.equals(TrainingOption.RECOMPUTE);
      if (value != null && !mayChange && !value.equals(option.of(saved))) {
        return option;
      }
    }
    return null;
  }

  /** The options of a run that goes on: its own, recomputing also if that was chosen. */
  public TrainingOptions resuming(TrainingOptions saved) {
    boolean recompute = get(TrainingOption.RECOMPUTE) || saved.shape().recompute();
    return of(saved).with(TrainingOption.RECOMPUTE, recompute).options();
  }
}
