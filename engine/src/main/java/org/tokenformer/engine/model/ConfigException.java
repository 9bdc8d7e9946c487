package org.tokenformer.engine.model;

import org.jspecify.annotations.Nullable;

/** A configuration that is not one: the message names the field, its value and what is allowed. */
public final class ConfigException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final @Nullable String field;

  /** One line for people. */
  public ConfigException(String message) {
    super(message);
    field = null;
  }

  /**
   * About one field.
   *
   * @param field as configuration files or the command line call it, maybe with its value
   * @param problem with it
   */
  public ConfigException(String field, String problem) {
    super(field + ": " + problem);
    this.field = field;
  }

  /** The same about what another exception said. */
  public ConfigException(String message, Throwable cause) {
    super(message, cause);
    field = null;
  }

  /** What the message begins with if that is known to be one field. */
  public @Nullable String field() {
    return field;
  }
}
