package org.tokenformer.engine.train;

import org.tokenformer.engine.error.EngineProblem;

/** Data that a model cannot learn from. The message is one line for people. */
public class TrainingDataException extends RuntimeException implements EngineProblem {
  private static final long serialVersionUID = 1L;

  /** One line for people. */
  public TrainingDataException(String message) {
    super(message);
  }

  @Override
  public String field() {
    return "data";
  }
}
