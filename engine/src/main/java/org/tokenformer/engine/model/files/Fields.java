package org.tokenformer.engine.model.files;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Named values of a file in any syntax. In names, {@code -} and {@code _} are equivalent. Missing
 * values and values of the wrong kind are rejected with the file, the name and the value.
 */
public class Fields {
  private final String file;
  private final Map<String, @Nullable Object> values = new LinkedHashMap<>();

  /** Reads a file of strict JSON: one object, at most a megabyte, no duplicate names. */
  public static Fields of(Path file) throws IOException {
    return new Fields(file.toString(), StrictJson.read(file));
  }

  /**
   * Creates fields from these values.
   *
   * @param file named in messages
   * @param values strings, numbers, booleans, lists and maps
   */
  public Fields(String file, Map<String, ? extends @Nullable Object> values)
      throws ModelFormatException {
    this.file = file;
    for (Map.Entry<String, ? extends @Nullable Object> entry : values.entrySet()) {
      String key = entry.getKey().replace('-', '_');
      if (this.values.containsKey(key)) {
        throw problem(key, "is given twice");
      }
      this.values.put(key, entry.getValue());
    }
  }

  /** Returns an exception that names the file and the field. */
  public final ModelFormatException problem(String key, String what) {
    Object value = values.get(key);
    boolean plain = key.matches("\\w{1,60}");
    return ModelFormatException.of(
        file, plain ? key : quote(key), value == null ? null : quoted(value), what);
  }

  static String quoted(@Nullable Object value) {
    return quote(String.valueOf(value));
  }

  /** Returns whether the value is given and not null. */
  public final boolean has(String key) {
    return values.get(key) != null;
  }

  /** Returns the names that are not among these. */
  public final List<String> unknown(List<String> known) {
    List<String> unknown = new ArrayList<>(values.keySet());
    unknown.removeAll(known);
    return unknown;
  }

  final Object required(String key) throws ModelFormatException {
    Object value = values.get(key);
    if (value == null) {
      throw problem(key, "is missing");
    }
    return value;
  }

  /** Returns a required whole number that fits an int. */
  public final int integer(String key) throws ModelFormatException {
    return integer(key, required(key));
  }

  final int integer(String key, @Nullable Object value) throws ModelFormatException {
    if (value instanceof Number number && number.doubleValue() == number.intValue()) {
      return number.intValue();
    }
    boolean large = value instanceof Number n && n.doubleValue() % 1 == 0;
    throw problem(key, quoted(value) + (large ? " is far too large" : " is not a whole number"));
  }

  /**
   * Returns a required whole number of magnitude at most 2⁵³, up to which all JSON readers agree.
   */
  public final long whole(String key) throws ModelFormatException {
    if (required(key) instanceof Number number
        && number.doubleValue() % 1 == 0
        && Math.abs(number.doubleValue()) <= 1L << 53) {
      return number.longValue();
    }
    throw problem(key, quoted(values.get(key)) + " is not a whole number up to 2^53");
  }

  /** Returns a required number. */
  public final double number(String key) throws ModelFormatException {
    required(key);
    return number(key, 0);
  }

  /** Returns a number, or the default if it is not given. */
  public final double number(String key, double defaultValue) throws ModelFormatException {
    Object value = has(key) ? values.get(key) : Double.valueOf(defaultValue);
    if (value instanceof Number number) {
      return number.doubleValue();
    }
    throw problem(key, quoted(value) + " is not a number");
  }

  /** Returns true or false, or the default if it is not given. */
  public final boolean flag(String key, boolean defaultValue) throws ModelFormatException {
    Object value = has(key) ? values.get(key) : Boolean.valueOf(defaultValue);
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw problem(key, quoted(value) + " is neither true nor false");
  }

  /** Returns a required string. */
  public final String text(String key) throws ModelFormatException {
    if (required(key) instanceof String text) {
      return text;
    }
    throw problem(key, quoted(values.get(key)) + " is not a string");
  }

  /** Returns a required list of strings. */
  public final List<String> texts(String key) throws ModelFormatException {
    List<String> texts = new ArrayList<>();
    if (required(key) instanceof List<?> list) {
      for (Object item : list) {
        if (!(item instanceof String text)) {
          throw problem(key, quoted(item) + " is not a string");
        }
        texts.add(text);
      }
      return texts;
    }
    throw problem(key, quoted(values.get(key)) + " is not a list");
  }

  /** Returns the choice whose string form is the required value. */
  public final <T> T oneOf(String key, T[] choices) throws ModelFormatException {
    String text = text(key);
    for (T choice : choices) {
      if (String.valueOf(choice).equals(text)) {
        return choice;
      }
    }
    throw problem(key, quote(text) + " is not one of " + List.of(choices));
  }

  final @Nullable Object raw(String key) {
    return values.get(key);
  }

  /** Returns the file as it is named in messages. */
  public final String file() {
    return file;
  }
}
