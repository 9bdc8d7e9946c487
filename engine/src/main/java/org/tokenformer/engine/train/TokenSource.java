package org.tokenformer.engine.train;

/** A stream of token ids with random access, such as a dataset. */
public interface TokenSource {
  /** Returns a source over the ids of an array, which is not copied. */
  static TokenSource of(int... ids) {
    return new ArrayTokens(ids);
  }

  /**
   * Checks that the stream fills one window.
   *
   * @param positions of the window, which needs one more id as its last target
   * @throws DataTooShortException if there are too few ids
   */
  default void requireWindow(int positions) {
    DataTooShortException.check(size(), positions);
  }

  /** Returns the number of ids. */
  long size();

  /**
   * Copies consecutive ids into an array.
   *
   * @param from index of the first id, 0 to size − count
   * @param to receives the ids, starting at {@code offset}
   * @throws IndexOutOfBoundsException if the ids are not all within the stream and the array
   */
  void read(long from, int[] to, int offset, int count);
}
