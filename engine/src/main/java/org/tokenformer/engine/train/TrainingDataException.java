package org.tokenformer.engine.train;

import org.tokenformer.engine.error.EngineProblem;

/** Thrown for unusable training data. The message is one human-readable line. */
public class TrainingDataException extends RuntimeException implements EngineProblem {
  private static final long serialVersionUID = 1L;

  /** Creates an exception with a one-line message. */
  public TrainingDataException(String message) {
    super(message);
  }

  @Override
  public String field() {
    return "data";
  }
}
