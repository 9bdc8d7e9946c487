package org.tokenformer.engine.train;

/** Data that do not fill one window. */
public final class DataTooShortException extends TrainingDataException {
  private static final long serialVersionUID = 1L;

  private final long size;
  private final int positions;

  private DataTooShortException(long size, int positions) {
    super("the stream %s; use more text or a shorter window".formatted(shortage(size, positions)));
    this.size = size;
    this.positions = positions;
  }

  /**
   * Refuses so many ids if they do not fill one window.
   *
   * @param positions of the window, which takes one id more as the last target
   * @throws DataTooShortException if they are too few
   */
  static void check(long size, int positions) {
    if (size <= positions) {
      throw new DataTooShortException(size, positions);
    }
  }

  private static String shortage(long size, int positions) {
    return "has %d tokens, one window of %d needs %d".formatted(size, positions, positions + 1L);
  }

  /** What is wrong with them, for a line that begins with their name: {@code has 11 tokens, …}. */
  public String shortage() {
    return shortage(size, positions);
  }
}
