package org.tokenformer.tokenizer;

/** A byte array that grows. Callers hold on to {@link #array} only until the next growth. */
final class ByteBuilder {
  private static final int MAX = Integer.MAX_VALUE - 16;
  private byte[] array = new byte[256];

  byte[] array() {
    return array;
  }

  /** The array, at least so long; its content is lost when it has to be replaced. */
  byte[] ensure(int capacity) {
    if (array.length < capacity) {
      array = new byte[capacity];
    }
    return array;
  }

  /** The array, at least so long, with its first {@code used} bytes as before. */
  byte[] grow(int used, long capacity) {
    if (capacity > MAX) {
      throw new IllegalArgumentException("a text of more than 2 GiB: handle it in parts");
    }
    if (array.length < capacity) {
      long wanted = Math.min(MAX, Math.max(capacity, array.length * 2L));
      byte[] larger = new byte[(int) wanted];
      System.arraycopy(array, 0, larger, 0, used);
      array = larger;
    }
    return array;
  }

  /**
   * Appends {@code b[from, to)} behind the first {@code used} bytes, and says how many there are.
   */
  int append(int used, byte[] b, int from, int to) {
    grow(used, (long) used + to - from);
    System.arraycopy(b, from, array, used, to - from);
    return used + to - from;
  }

  /** Lets go of an array larger than this. */
  void trim(int capacity) {
    if (array.length > capacity) {
      array = new byte[256];
    }
  }
}
