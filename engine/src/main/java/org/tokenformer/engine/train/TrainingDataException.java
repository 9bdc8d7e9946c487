package org.tokenformer.engine.train;

/** Data that a model cannot learn from. The message is one line for people. */
public class TrainingDataException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** One line for people. */
  public TrainingDataException(String message) {
    super(message);
  }
}
