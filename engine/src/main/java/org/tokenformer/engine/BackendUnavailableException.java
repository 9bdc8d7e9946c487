package org.tokenformer.engine;

import org.tokenformer.engine.error.EngineProblem;

/** A backend that was asked for by name cannot be had; the message says why and what to add. */
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
