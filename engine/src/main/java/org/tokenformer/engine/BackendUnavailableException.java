package org.tokenformer.engine;

import org.tokenformer.engine.error.EngineProblem;

/** Thrown if a backend selected by name cannot run here; the message says why and what to do. */
public final class BackendUnavailableException extends IllegalStateException
    implements EngineProblem {
  private static final long serialVersionUID = 1L;

  private final Details details;

  BackendUnavailableException(String name, String message) {
    super(message);
    details = new Details("backend", name, null);
  }

  @Override
  public Details details() {
    return details;
  }
}
