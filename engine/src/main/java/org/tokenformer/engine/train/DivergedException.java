package org.tokenformer.engine.train;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.error.EngineProblem;

/** Thrown when a run has diverged. The message is one human-readable line. */
public final class DivergedException extends RuntimeException implements EngineProblem {
  private static final long serialVersionUID = 1L;

  private final int step;
  private final @Nullable String tensor;

  DivergedException(String message, int step, @Nullable String tensor) {
    super(message);
    this.step = step;
    this.tensor = tensor;
  }

  /** Returns the step that failed, counted from 1. */
  public int step() {
    return step;
  }

  /** Returns the {@link #tensor}. */
  @Override
  public @Nullable String field() {
    return tensor;
  }

  /** Returns the first tensor with NaN or infinite weights or gradients; null if there is none. */
  public @Nullable String tensor() {
    return tensor;
  }

  /** Returns a copy whose message ends with advice. */
  DivergedException with(String advice) {
    DivergedException e = new DivergedException(getMessage() + "; " + advice, step, tensor);
    e.initCause(this);
    return e;
  }
}
