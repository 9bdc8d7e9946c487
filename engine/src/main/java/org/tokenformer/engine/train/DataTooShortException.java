package org.tokenformer.engine.train;

/** Thrown when the data do not fill one window. */
public final class DataTooShortException extends TrainingDataException {
  private static final long serialVersionUID = 1L;

  private final long size;
  private final int positions;

  private DataTooShortException(long size, int positions) {
    super(
        "the token stream %s; use more text or a shorter window"
            .formatted(shortage(size, positions)));
    this.size = size;
    this.positions = positions;
  }

  /**
   * Checks that a number of ids fills one window.
   *
   * @param positions of the window, which needs one more id as its last target
   * @throws DataTooShortException if there are too few ids
   */
  static void check(long size, int positions) {
    if (size <= positions) {
      throw new DataTooShortException(size, positions);
    }
  }

  private static String shortage(long size, int positions) {
    return "has %d tokens, but one window of %d needs %d"
        .formatted(size, positions, positions + 1L);
  }

  /** Describes the problem, to follow the name of the data: {@code has 11 tokens, but …}. */
  public String shortage() {
    return shortage(size, positions);
  }
}
