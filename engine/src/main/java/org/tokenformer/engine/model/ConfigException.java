package org.tokenformer.engine.model;

/** A configuration that is not one: the message names the field, its value and what is allowed. */
public final class ConfigException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  /** One line for people. */
  public ConfigException(String message) {
    super(message);
  }

  /** The same about what another exception said. */
  public ConfigException(String message, Throwable cause) {
    super(message, cause);
  }
}
