package org.tokenformer.engine.train;

/** A stream of token ids that can be read at any place: a data set. */
public interface TokenSource {
  /** The ids of an array, which is not copied. */
  static TokenSource of(int... ids) {
    return new ArrayTokens(ids);
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
