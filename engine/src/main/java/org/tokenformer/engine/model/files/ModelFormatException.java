package org.tokenformer.engine.model.files;

import java.io.IOException;

/**
 * Files that are sound by themselves but make no model together. The message is one line for
 * people: the file, the field or tensor, both values, what to do.
 */
public final class ModelFormatException extends IOException {
  private static final long serialVersionUID = 1L;

  /** One line for people. */
  public ModelFormatException(String message) {
    super(message);
  }

  /** One line for people, and what led to it. */
  public ModelFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
