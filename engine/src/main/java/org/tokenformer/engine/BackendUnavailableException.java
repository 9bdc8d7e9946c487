package org.tokenformer.engine;

import org.tokenformer.engine.error.EngineProblem;

/** A backend that was asked for by name cannot be had; the message says why and what to add. */
public final class BackendUnavailableException extends IllegalStateException
    implements EngineProblem {
  private static final long serialVersionUID = 1L;

  private final String name;

  BackendUnavailableException(String name, String message) {
    super(message);
    this.name = name;
  }

  @Override
  public String field() {
    return "backend";
  }

  @Override
  public String value() {
    return name;
  }
}
