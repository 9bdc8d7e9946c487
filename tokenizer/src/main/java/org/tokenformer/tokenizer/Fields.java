package org.tokenformer.tokenizer;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The fields of a JSON object, with typed access.
 *
 * @param where the path of the object in messages
 */
record Fields(Map<?, ?> values, String where, Problems problems) {

  @Nullable Object get(String name) {
    return values.get(name);
  }

  String string(String name) throws TokenizerException {
    if (values.get(name) instanceof String value) {
      return value;
    }
    throw wrong(name, "a string");
  }

  boolean bool(String name) throws TokenizerException {
    if (values.get(name) instanceof Boolean value) {
      return value;
    }
    throw wrong(name, "true or false");
  }

  boolean bool(String name, boolean absent) throws TokenizerException {
    return values.containsKey(name) ? bool(name) : absent;
  }

  int integer(String name) throws TokenizerException {
    if (values.get(name) instanceof Double value && value >= 0 && value == value.intValue()) {
      return value.intValue();
    }
    throw wrong(name, "a whole number, 0 or more");
  }

  /** Returns a nested object, or null if it is null or missing. */
  @Nullable Fields object(String name) throws TokenizerException {
    Object value = values.get(name);
    if (value == null) {
      return null;
    }
    return of(value, where.isEmpty() ? name : where + "." + name, problems);
  }

  static Fields of(@Nullable Object value, String where, Problems problems)
      throws TokenizerException {
    if (value instanceof Map<?, ?> map) {
      return new Fields(map, where, problems);
    }
    throw problems.of(where + " must be an object, not " + show(value));
  }

  private TokenizerException wrong(String name, String expected) {
    String path = where.isEmpty() ? name : where + "." + name;
    return values.containsKey(name)
        ? problems.of(path + " must be " + expected + ", not " + show(values.get(name)))
        : problems.of(path + " is missing; it must be " + expected);
  }

  static String show(@Nullable Object value) {
    if (value instanceof Map<?, ?>) {
      return "an object";
    }
    if (value instanceof Iterable<?>) {
      return "a list";
    }
    return value instanceof String text ? Problems.quote(text) : String.valueOf(value);
  }
}
