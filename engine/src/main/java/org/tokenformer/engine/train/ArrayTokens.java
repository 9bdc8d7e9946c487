package org.tokenformer.engine.train;

import java.util.Objects;

/** The token source of {@link TokenSource#of}. */
@SuppressWarnings("ArrayRecordComponent") // never compared
record ArrayTokens(int... ids) implements TokenSource {
  @Override
  public long size() {
    return ids.length;
  }

  @Override
  public void read(long from, int[] to, int offset, int count) {
    int index = (int) Objects.checkFromIndexSize(from, count, (long) ids.length);
    System.arraycopy(ids, index, to, offset, count);
  }
}
