package org.tokenformer.engine.model;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.error.EngineProblem;

/**
 * A value that cannot be: of a configuration, an option or a request. Whoever knows the field by
 * another name words it so: {@link #withName}.
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

  /** One line for people, about no field in particular. */
  public ConfigException(String message) {
    this(null, null, null, message, null);
  }

  /**
   * About one field.
   *
   * @param field as files call it, maybe with its value, as {@code ffn=2048@9}
   * @param problem with it
   */
  public ConfigException(String field, String problem) {
    this(before(field), after(field), null, field + ": " + problem, null);
  }

  private static String before(String field) {
    int equals = field.indexOf('=');
    return equals < 0 ? field : field.substring(0, equals);
  }

  private static @Nullable String after(String field) {
    int equals = field.indexOf('=');
    return equals < 0 ? null : field.substring(equals + 1);
  }

  /**
   * A value out of its range: {@code field: value is not allowed}.
   *
   * @param field as files call it
   * @param allowed to follow "is not", such as {@code at least 1}
   */
  public static ConfigException notAllowed(String field, Object value, String allowed) {
    String message = field + ": " + value + " is not " + allowed;
    return new ConfigException(field, String.valueOf(value), allowed, message, null);
  }

  /**
   * A value that is wrong for another reason: {@code field: problem}.
   *
   * @param field as files call it
   * @param problem all that is to be said, the value included
   */
  public static ConfigException of(String field, Object value, String problem) {
    return new ConfigException(field, String.valueOf(value), null, field + ": " + problem, null);
  }

  /** The same as what is wrong with the value of a larger field, of which this one is a part. */
  public ConfigException within(String larger, Object whole) {
    String message = larger + ": " + whole + ": " + getMessage();
    return new ConfigException(larger, String.valueOf(whole), allowed(), message, this);
  }

  /** The message with another name for the field; it is the same where there is no field. */
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
