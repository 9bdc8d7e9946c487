package org.tokenformer.engine.error;

import java.io.Serializable;
import org.jspecify.annotations.Nullable;

/**
 * Implemented by all exceptions of the engine that its user can mend: a wrong value, a damaged
 * file, data that do not fit, a backend that cannot be had. An interface, since some of them are
 * {@link java.io.IOException} and others are unchecked.
 *
 * <p>All else that the engine throws is a fault of the calling code, or of the engine.
 */
public interface EngineProblem {
  /** One line for people: what, in which file or field, with which value, and what to do. */
  @Nullable String getMessage();

  /** Which value is wrong; each exception that knows one says so here. */
  default Details details() {
    return Details.NONE;
  }

  /**
   * The field that is wrong, as files call it, such as {@code min_lr}; null where it is not about
   * one.
   */
  default @Nullable String field() {
    return details().field;
  }

  /** The value that it has, as text; null where there is none. */
  default @Nullable String value() {
    return details().value;
  }

  /** What would be allowed, to follow "must be", such as {@code at least 1}; null if not known. */
  default @Nullable String allowed() {
    return details().allowed;
  }

  /**
   * See {@link EngineProblem#field}, {@link EngineProblem#value}, {@link EngineProblem#allowed}.
   */
  record Details(@Nullable String field, @Nullable String value, @Nullable String allowed)
      implements Serializable {
    /** About no value. */
    public static final Details NONE = new Details(null, null, null);
  }
}
