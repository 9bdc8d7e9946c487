package org.tokenformer.engine.error;

import java.io.Serializable;
import org.jspecify.annotations.Nullable;

/**
 * Implemented by all exceptions of the engine whose cause the user can fix: an invalid value, a
 * damaged file, unsuitable data, an unavailable backend. It is an interface because some of them
 * are {@link java.io.IOException}s and others are unchecked.
 *
 * <p>Other exceptions, apart from cancellation and plain I/O errors, usually indicate a bug in the
 * calling code or in the engine.
 */
public interface EngineProblem {
  /** Returns one human-readable line: the problem, the file or field, the value, what to do. */
  @Nullable String getMessage();

  /** Returns which value is wrong; overridden by exceptions that know it. */
  default Details details() {
    return Details.NONE;
  }

  /**
   * Returns the field with the wrong value, by its name in files, such as {@code min_lr}; null if
   * there is none.
   */
  default @Nullable String field() {
    return details().field;
  }

  /** Returns the wrong value as text; null if there is none. */
  default @Nullable String value() {
    return details().value;
  }

  /** Returns what is allowed, worded to follow "must be", such as {@code at least 1}; or null. */
  default @Nullable String allowed() {
    return details().allowed;
  }

  /**
   * Holds {@link EngineProblem#field}, {@link EngineProblem#value} and {@link
   * EngineProblem#allowed}.
   */
  record Details(@Nullable String field, @Nullable String value, @Nullable String allowed)
      implements Serializable {
    /** Names no field and no value. */
    public static final Details NONE = new Details(null, null, null);
  }
}
