package org.tokenformer.engine.model.files;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.error.EngineProblem;
import org.tokenformer.engine.model.ConfigException;

/**
 * Model files that are invalid or do not form a model together. The message is one human-readable
 * line: the file, the field or tensor, both values, what to do.
 */
public final class ModelFormatException extends IOException implements EngineProblem {
  private static final long serialVersionUID = 1L;

  private final Details details;

  /** Creates an exception with one human-readable line. */
  public ModelFormatException(String message) {
    this(message, null);
  }

  /** Creates an exception with one human-readable line and its cause. */
  public ModelFormatException(String message, @Nullable Throwable cause) {
    this(message, Details.NONE, cause);
  }

  private ModelFormatException(String message, Details details, @Nullable Throwable cause) {
    super(message, cause);
    this.details = details;
  }

  /**
   * Returns an exception about one field of a file: {@code file: name: problem}.
   *
   * @param name of the field, safe to print
   * @param value null if it is missing
   */
  static ModelFormatException of(String file, String name, @Nullable String value, String problem) {
    return new ModelFormatException(
        file + ": " + name + ": " + problem, new Details(name, value, null), null);
  }

  /**
   * Returns an exception about an invalid value that was read from the field of the same name in a
   * file.
   */
  public static ModelFormatException of(Object file, ConfigException wrong) {
    return new ModelFormatException(file + ": " + wrong.getMessage(), wrong.details(), wrong);
  }

  @Override
  public Details details() {
    return details;
  }
}
