package org.tokenformer.engine;

/** A backend that was asked for by name cannot be had; the message says why and what to add. */
public final class BackendUnavailableException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  BackendUnavailableException(String message) {
    super(message);
  }
}
