package org.tokenformer.engine.model;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.error.EngineProblem;

/**
 * An invalid value of a configuration, an option or a request. Callers that know the field by
 * another name reword the message with {@link #withName}.
 */
public final class ConfigException extends IllegalArgumentException implements EngineProblem {
  private static final long serialVersionUID = 1L;

  private final Details details;

  private ConfigException(
      @Nullable String field,
      @Nullable String value,
      @Nullable String allowed,
      String message,
      @Nullable Throwable cause) {
    super(message, cause);
    details = new Details(field, value, allowed);
  }

  /** Creates an exception with a one-line message that concerns no particular field. */
  public ConfigException(String message) {
    this(null, null, null, message, null);
  }

  /**
   * Creates an exception about one field.
   *
   * @param field its name in files, optionally with its value, such as {@code ffn=2048@9}
   * @param problem what is wrong with it
   */
  public ConfigException(String field, String problem) {
    this(nameIn(field), valueIn(field), null, field + ": " + problem, null);
  }

  private static String nameIn(String field) {
    int equals = field.indexOf('=');
    return equals < 0 ? field : field.substring(0, equals);
  }

  private static @Nullable String valueIn(String field) {
    int equals = field.indexOf('=');
    return equals < 0 ? null : field.substring(equals + 1);
  }

  /**
   * Returns an exception about a value out of range: {@code field: value is not allowed}.
   *
   * @param field its name in files
   * @param allowed the valid values, worded to follow "is not", such as {@code at least 1}
   */
  public static ConfigException notAllowed(String field, Object value, String allowed) {
    String message = field + ": " + value + " is not " + allowed;
    return new ConfigException(field, String.valueOf(value), allowed, message, null);
  }

  /**
   * Returns an exception about a value that is wrong for another reason: {@code field: problem}.
   *
   * @param field its name in files
   * @param problem the complete problem, including the value
   */
  public static ConfigException of(String field, Object value, String problem) {
    return new ConfigException(field, String.valueOf(value), null, field + ": " + problem, null);
  }

  /** Returns the same problem as one of {@code larger}, a field whose value contains this field. */
  public ConfigException within(String larger, Object whole) {
    String message = larger + ": " + whole + ": " + getMessage();
    return new ConfigException(larger, String.valueOf(whole), allowed(), message, this);
  }

  /** Returns the message with another name for the field, or unchanged if there is no field. */
  public String withName(String name) {
    String message = String.valueOf(getMessage());
    String field = field();
    return field == null ? message : name + message.substring(field.length());
  }

  @Override
  public Details details() {
    return details;
  }
}
