package org.tokenformer.engine.train;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.error.EngineProblem;

/** A run that would learn nothing any more. The message is one line for people. */
public final class DivergedException extends RuntimeException implements EngineProblem {
  private static final long serialVersionUID = 1L;

  private final int step;
  private final @Nullable String tensor;

  DivergedException(String message, int step, @Nullable String tensor) {
    super(message);
    this.step = step;
    this.tensor = tensor;
  }

  /** The step that was not done, counted from 1. */
  public int step() {
    return step;
  }

  /** The {@link #tensor}. */
  @Override
  public @Nullable String field() {
    return tensor;
  }

  /** The first tensor whose weights or gradient are NaN or infinite; null if none is. */
  public @Nullable String tensor() {
    return tensor;
  }

  /** The same with what can be done about it. */
  DivergedException with(String advice) {
    DivergedException e = new DivergedException(getMessage() + "; " + advice, step, tensor);
    e.initCause(this);
    return e;
  }
}
