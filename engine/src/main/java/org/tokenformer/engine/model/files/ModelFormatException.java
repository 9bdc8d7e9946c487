package org.tokenformer.engine.model.files;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.error.EngineProblem;
import org.tokenformer.engine.model.ConfigException;

/**
 * Files that are sound by themselves but make no model together. The message is one line for
 * people: the file, the field or tensor, both values, what to do.
 */
public final class ModelFormatException extends IOException implements EngineProblem {
  private static final long serialVersionUID = 1L;

  private final Details details;

  /** One line for people. */
  public ModelFormatException(String message) {
    this(message, null);
  }

  /** One line for people, and what led to it. */
  public ModelFormatException(String message, @Nullable Throwable cause) {
    this(message, Details.NONE, cause);
  }

  private ModelFormatException(String message, Details details, @Nullable Throwable cause) {
    super(message, cause);
    this.details = details;
  }

  /**
   * About one field of a file: {@code file: name: problem}.
   *
   * @param name of the field, fit to be shown
   * @param value null if it is missing
   */
  static ModelFormatException of(String file, String name, @Nullable String value, String problem) {
    return new ModelFormatException(
        file + ": " + name + ": " + problem, new Details(name, value, null), null);
  }

  /** What is wrong with a value that was read from a file, which has the field by that name. */
  public static ModelFormatException of(Object file, ConfigException wrong) {
    return new ModelFormatException(file + ": " + wrong.getMessage(), wrong.details(), wrong);
  }

  @Override
  public Details details() {
    return details;
  }
}
