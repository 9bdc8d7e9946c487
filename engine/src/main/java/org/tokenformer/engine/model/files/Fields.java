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
 * Named values of a file, whatever its syntax. In names {@code -} and {@code _} are the same. What
 * is missing or of another kind is refused with the file, the name and the value.
 */
public class Fields {
  private final String file;
  private final Map<String, @Nullable Object> values = new LinkedHashMap<>();

  /** Of a file of strict JSON: one object, at most a megabyte, no name twice. */
  public static Fields of(Path file) throws IOException {
    return new Fields(file.toString(), StrictJson.read(file));
  }

  /**
   * Takes the values over.
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

  /** An error that names the file and the field. */
  public final ModelFormatException problem(String key, String what) {
    Object value = values.get(key);
    boolean plain = key.matches("\\w{1,60}");
    return ModelFormatException.of(
        file, plain ? key : quote(key), value == null ? null : quoted(value), what);
  }

  static String quoted(@Nullable Object value) {
    return quote(String.valueOf(value));
  }

  /** Whether it is given, and not as null. */
  public final boolean has(String key) {
    return values.get(key) != null;
  }

  /** Names that are none of these. */
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

  /** A whole number that fits an int. */
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

  /** A whole number of at most 2⁵³, up to which JSON's readers agree. */
  public final long whole(String key) throws ModelFormatException {
    if (required(key) instanceof Number number
        && number.doubleValue() % 1 == 0
        && Math.abs(number.doubleValue()) <= 1L << 53) {
      return number.longValue();
    }
    throw problem(key, quoted(values.get(key)) + " is not a whole number up to 2^53");
  }

  /** A number that must be given. */
  public final double number(String key) throws ModelFormatException {
    required(key);
    return number(key, 0);
  }

  /** A number, or this one where it is not given. */
  public final double number(String key, double defaultValue) throws ModelFormatException {
    Object value = has(key) ? values.get(key) : Double.valueOf(defaultValue);
    if (value instanceof Number number) {
      return number.doubleValue();
    }
    throw problem(key, quoted(value) + " is not a number");
  }

  /** True or false, or this where it is not given. */
  public final boolean flag(String key, boolean defaultValue) throws ModelFormatException {
    Object value = has(key) ? values.get(key) : Boolean.valueOf(defaultValue);
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw problem(key, quoted(value) + " is neither true nor false");
  }

  /** A text that must be given. */
  public final String text(String key) throws ModelFormatException {
    if (required(key) instanceof String text) {
      return text;
    }
    throw problem(key, quoted(values.get(key)) + " is not text");
  }

  /** A list of texts that must be given. */
  public final List<String> texts(String key) throws ModelFormatException {
    List<String> texts = new ArrayList<>();
    if (required(key) instanceof List<?> list) {
      for (Object item : list) {
        if (!(item instanceof String text)) {
          throw problem(key, quoted(item) + " is not text");
        }
        texts.add(text);
      }
      return texts;
    }
    throw problem(key, quoted(values.get(key)) + " is not a list");
  }

  /** The one of these that is called so. */
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

  /** The file, as it is named in messages. */
  public final String file() {
    return file;
  }
}
