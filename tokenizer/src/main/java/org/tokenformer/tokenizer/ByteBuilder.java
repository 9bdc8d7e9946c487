package org.tokenformer.tokenizer;

/** A growable byte array. The result of {@link #array} is valid only until the next growth. */
final class ByteBuilder {
  private static final int MAX = Integer.MAX_VALUE - 16;
  private byte[] array = new byte[256];

  byte[] array() {
    return array;
  }

  /** Returns the array with at least this capacity; a replaced array loses its content. */
  byte[] ensure(int capacity) {
    if (array.length < capacity) {
      array = new byte[capacity];
    }
    return array;
  }

  /** Returns the array with at least this capacity and its first {@code used} bytes preserved. */
  byte[] grow(int used, long capacity) {
    if (capacity > MAX) {
      throw new IllegalArgumentException("the text takes more than 2 GiB; process it in parts");
    }
    if (array.length < capacity) {
      long wanted = Math.min(MAX, Math.max(capacity, array.length * 2L));
      byte[] larger = new byte[(int) wanted];
      System.arraycopy(array, 0, larger, 0, used);
      array = larger;
    }
    return array;
  }

  /** Appends {@code b[from, to)} after the first {@code used} bytes; returns the new length. */
  int append(int used, byte[] b, int from, int to) {
    grow(used, (long) used + to - from);
    System.arraycopy(b, from, array, used, to - from);
    return used + to - from;
  }

  /** Releases an array that is larger than this. */
  void trim(int capacity) {
    if (array.length > capacity) {
      array = new byte[256];
    }
  }
}
