package org.tokenformer.cli;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.train.GrowthOptions;
import org.tokenformer.engine.train.SavedRun;
import org.tokenformer.engine.train.TrainingChoices;
import org.tokenformer.engine.train.TrainingOption;
import org.tokenformer.engine.train.TrainingOptions;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.TypeConversionException;

/**
 * The training options of the command line, generated from the engine's {@link TrainingOption}
 * table.
 */
final class TrainingSettings {
  private static final Pattern MENTIONED = Pattern.compile("\\{(\\w+)}");

  private final Map<TrainingOption<?>, OptionSpec> options = new LinkedHashMap<>();

  TrainingSettings() {
    for (TrainingOption<?> option : TrainingOption.all()) {
      String help = option.help();
      if (help != null) {
        options.put(option, spec(option, help));
      }
    }
  }

  /** Returns the options, to be added to a command. */
  Collection<OptionSpec> options() {
    return options.values();
  }

  private static OptionSpec spec(TrainingOption<?> option, String help) {
    String description =
        MENTIONED.matcher(help).replaceAll(name -> OptionWording.option(name.group(1)));
    OptionSpec.Builder spec =
        OptionSpec.builder(OptionWording.option(option.name()))
            .description(description.replace("%", "%%")); // picocli formats it
    Class<?> given = option.given();
    if (given == Boolean.class) {
      return spec.type(boolean.class).arity("0").build();
    }
    spec.arity("1").paramLabel(option.label());
    if (given == List.class) {
      return spec.type(List.class).auxiliaryTypes(String.class).build();
    }
    List<String> choices = option.choices();
    if (!choices.isEmpty()) {
      spec.completionCandidates(choices).converters(text -> oneOf(choices, text));
    }
    return spec.type(given).build();
  }

  private static String oneOf(List<String> choices, String text) {
    if (!choices.contains(text)) {
      throw new TypeConversionException(
          "'" + text + "' is not one of " + String.join(", ", choices));
    }
    return text;
  }

  /** Returns the parsed values. */
  private TrainingChoices choices() {
    TrainingChoices choices = TrainingChoices.NONE;
    for (Map.Entry<TrainingOption<?>, OptionSpec> entry : options.entrySet()) {
      Object given = entry.getValue().getValue();
      if (given != null && !given.equals(false)) {
        choices = with(choices, entry.getKey(), given);
      }
    }
    return choices;
  }

  private static <T> TrainingChoices with(
      TrainingChoices choices, TrainingOption<T> option, Object given) {
    return choices.with(option, option.value(given));
  }

  /** Returns the initial values of a new run. */
  InitialValues values() {
    return choices().values();
  }

  /**
   * Returns the growth of a new run.
   *
   * @param trained whether the model is already trained, so that growth must preserve it
   */
  GrowthOptions growth(TokenFormerConfig config, boolean trained) {
    TrainingChoices choices = choices();
    if (choices.chosen(TrainingOption.GROW_AT) == null) {
      for (var option : List.of(TrainingOption.GROW_INIT, TrainingOption.GROW_WARMUP)) {
        if (choices.chosen(option) != null) {
          throw new UserError(
              "%s: has no effect without --grow-at; add --grow-at, or omit it"
                  .formatted(OptionWording.option(option.name())));
        }
      }
    }
    GrowthOptions growth = choices.growth();
    growth.check(config, 0);
    Integer steps = choices.chosen(TrainingOption.STEPS);
    if (steps != null) {
      growth.checkSteps(steps);
    }
    if (trained && growth.freezeOld()) {
      growth.checkKeeps(config);
    }
    return growth;
  }

  /** Returns the shape of the micro-batches of a new run. */
  TrainingShape shape(TokenFormerConfig config) {
    TrainingShape shape = choices().shape(config.contextLength());
    shape.checkFits(config);
    return shape;
  }

  /** Returns the seed of a new run. */
  long seed() {
    return choices().get(TrainingOption.SEED);
  }

  /**
   * Returns the training options of a new run.
   *
   * @param tokens size of the training data
   */
  TrainingOptions options(TokenFormerConfig config, long tokens) {
    return choices().options(config.contextLength(), tokens);
  }

  /** Returns whether the number of steps is given. */
  boolean hasSteps() {
    return choices().chosen(TrainingOption.STEPS) != null;
  }

  /**
   * Returns the training options of a resumed run, which are the saved ones, except that it may get
   * another number of steps.
   *
   * @throws UserError if another option differs from the saved run, or the steps are already done
   */
  TrainingOptions options(SavedRun run) {
    TrainingChoices choices = choices();
    TrainingOptions saved = run.options();
    TrainingOption<?> changed = choices.difference(saved);
    if (changed != null) {
      throw mismatch(changed, choices, saved);
    }
    Integer steps = choices.chosen(TrainingOption.STEPS);
    if (steps != null && steps != saved.schedule().steps() && steps <= run.stepsDone()) {
      throw new UserError(
          "--steps is the run's total and must be more than the %d steps that it has done, not %d"
              .formatted(run.stepsDone(), steps));
    }
    return choices.resuming(saved);
  }

  private static <T> UserError mismatch(
      TrainingOption<T> option, TrainingChoices choices, TrainingOptions saved) {
    return new UserError(
        "%s: %s is not the %s of the run to resume; omit the option, or start a new run"
                .formatted(
                    OptionWording.option(option.name()),
                    option.text(choices.get(option)),
                    option.text(option.of(saved)))
            + " from its model with -m");
  }
}
