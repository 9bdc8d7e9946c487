package org.tokenformer.engine.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.function.Function;
import org.tokenformer.engine.model.files.Fields;
import org.tokenformer.engine.model.files.ModelFormatException;

/**
 * How the values of a {@link TrainingOption} are given and stored.
 *
 * @param given the type of given values: {@link Integer}, {@link Long}, {@link Double}, {@link
 *     Boolean}, {@link String} for one of the choices, {@link List} of texts
 * @param label placeholder of the value in a command's help; empty for flags
 * @param choices values by their texts; empty if the option is not a choice
 * @param made converts a given value
 * @param text returns the text of a value, as a user gives it
 * @param json returns the JSON value for a state file
 * @param read reads a value from a state file by its name
 */
record OptionForm<T>(
    Class<?> given,
    String label,
    SequencedMap<String, T> choices,
    Function<Object, T> made,
    Function<T, String> text,
    Function<T, Object> json,
    Reader<T> read) {
  interface Reader<T> {
    T read(Fields fields, String name) throws ModelFormatException;
  }

  static final OptionForm<Integer> WHOLE = plain(Integer.class, "N", Fields::integer);

  static final OptionForm<Double> NUMBER = plain(Double.class, "X", Fields::number);

  /** A fraction. */
  static final OptionForm<Double> FRACTION = plain(Double.class, "P", Fields::number);

  static final OptionForm<Boolean> FLAG =
      plain(Boolean.class, "", (fields, name) -> fields.flag(name, false));

  /** Stored as text, since JSON readers may not preserve all digits of a 64-bit seed. */
  static final OptionForm<Long> SEED =
      new OptionForm<>(
          Long.class,
          "N",
          new LinkedHashMap<>(),
          Long.class::cast,
          String::valueOf,
          String::valueOf,
          OptionForm::seed);

  static final OptionForm<List<GrowthOptions.Stage>> STAGES =
      new OptionForm<>(
          List.class,
          "STEP:SIZES",
          new LinkedHashMap<>(),
          texts -> stages((List<?>) texts),
          String::valueOf,
          stages -> stages.stream().map(GrowthOptions.Stage::toString).toList(),
          (fields, name) -> stages(fields.texts(name)));

  private static <T> OptionForm<T> plain(Class<T> type, String label, Reader<T> read) {
    return new OptionForm<>(
        type, label, new LinkedHashMap<>(), type::cast, String::valueOf, value -> value, read);
  }

  /** A choice of the constants of an enum, stored in files as their {@code toString}. */
  static <T extends Enum<T>> OptionForm<T> choice(Class<T> type, Function<T, String> text) {
    SequencedMap<String, T> choices = new LinkedHashMap<>();
    for (T constant : type.getEnumConstants()) {
      choices.put(text.apply(constant), constant);
    }
    return new OptionForm<>(
        String.class,
        "NAME",
        choices,
        given -> Objects.requireNonNull(choices.get((String) given)),
        text,
        Enum::toString,
        (fields, name) -> fields.oneOf(name, type.getEnumConstants()));
  }

  private static List<GrowthOptions.Stage> stages(List<?> texts) {
    List<GrowthOptions.Stage> stages = new ArrayList<>();
    texts.forEach(text -> stages.add(GrowthOptions.Stage.parse((String) text)));
    return List.copyOf(stages);
  }

  private static long seed(Fields fields, String name) throws ModelFormatException {
    try {
      return Long.parseLong(fields.text(name));
    } catch (NumberFormatException e) {
      throw fields.problem(name, "is not a 64-bit integer");
    }
  }
}
