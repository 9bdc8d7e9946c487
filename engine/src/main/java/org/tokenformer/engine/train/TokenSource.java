package org.tokenformer.engine.train;

/** A stream of token ids that can be read at any place: a data set. */
public interface TokenSource {
  /** The ids of an array, which is not copied. */
  static TokenSource of(int... ids) {
    return new ArrayTokens(ids);
  }

  /**
   * Refuses a stream that does not fill one window.
   *
   * @param positions of the window, which takes one id more as the last target
   * @throws DataTooShortException if there are too few
   */
  default void requireWindow(int positions) {
    DataTooShortException.check(size(), positions);
  }

  /** How many ids there are. */
  long size();

  /**
   * Copies some of them.
   *
   * @param from index of the first, 0 to size − count
   * @param to takes them from {@code offset} on
   * @throws IndexOutOfBoundsException if they are not within the stream or the array
   */
  void read(long from, int[] to, int offset, int count);
}
