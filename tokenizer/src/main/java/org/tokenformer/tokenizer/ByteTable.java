package org.tokenformer.tokenizer;

import java.util.Arrays;

/**
 * A set of byte strings, numbered from 0 in order of arrival. The bytes lie end to end in one array
 * and the hash table holds numbers only, so that neither a look-up nor an addition makes objects.
 */
final class ByteTable {
  /**
   * Of this process, so that strings that collide cannot be prepared in a file. No result depends
   * on it.
   */
  private static final long FACTOR = (System.nanoTime() * 0x9E3779B97F4A7C15L) | 1;

  private byte[] bytes;
  private int[] ends; // ends[i]: where string i ends, and i + 1 begins
  private long[] slots; // hash in the high half, number + 1 in the low half; 0 is free
  private int size;

  /** Room for so many strings of six bytes before anything has to grow. */
  ByteTable(int expected) {
    bytes = new byte[Math.max(64, 6 * expected)];
    ends = new int[Math.max(8, expected)];
    slots = new long[Integer.highestOneBit(Math.max(8, expected)) * 4];
  }

  /** How many strings there are. */
  int size() {
    return size;
  }

  /** The length of all strings together. */
  int length() {
    return size == 0 ? 0 : ends[size - 1];
  }

  /** Where a string begins in {@link #bytes}. */
  int start(int index) {
    return index == 0 ? 0 : ends[index - 1];
  }

  /** Where a string ends in {@link #bytes}. */
  int end(int index) {
    return ends[index];
  }

  /** All strings end to end. Not a copy: it is replaced when it grows, and not to be written to. */
  byte[] bytes() {
    return bytes;
  }

  /** Forgets all strings and keeps the memory. */
  void clear() {
    Arrays.fill(slots, 0);
    size = 0;
  }

  /** Byte by byte: most strings are short, and it is quick from the first call, before the JIT. */
  static int hash(byte[] b, int from, int to) {
    long h = 1; // so that leading zeros count
    for (int i = from; i < to; i++) {
      h = (h + b[i]) * FACTOR;
    }
    h ^= h >>> 32;
    return (int) ((h * FACTOR) >>> 32);
  }

  /** The number of {@code b[from, to)}, or -1. */
  int find(byte[] b, int from, int to) {
    return find(b, from, to, hash(b, from, to));
  }

  /** The number of {@code b[from, to)}, whose {@link #hash} the caller has, or -1. */
  int find(byte[] b, int from, int to, int hash) {
    int mask = slots.length - 1;
    for (int slot = hash & mask; ; slot = (slot + 1) & mask) {
      long entry = slots[slot];
      if (entry == 0) {
        return -1;
      }
      if ((int) (entry >>> 32) == hash) {
        int index = (int) entry - 1;
        if (equals(index, b, from, to)) {
          return index;
        }
      }
    }
  }

  private boolean equals(int index, byte[] b, int from, int to) {
    int at = start(index);
    if (ends[index] - at != to - from) {
      return false;
    }
    for (int i = from; i < to; i++) {
      if (bytes[at++] != b[i]) {
        return false;
      }
    }
    return true;
  }

  /**
   * Adds {@code b[from, to)}, which must not be there yet.
   *
   * @return its number
   * @throws IllegalStateException if the strings together exceed 1 GiB
   */
  int add(byte[] b, int from, int to, int hash) {
    int at = length();
    int length = to - from;
    if (length > (1 << 30) - at) {
      throw new IllegalStateException("more than 1 GiB of distinct strings");
    }
    if (at + length > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, at + length));
    }
    System.arraycopy(b, from, bytes, at, length);
    if (size == ends.length) {
      ends = Arrays.copyOf(ends, 2 * size);
    }
    ends[size++] = at + length;
    if (2 * size > slots.length) {
      grow();
    }
    place(((long) hash << 32) | size);
    return size - 1;
  }

  private void grow() {
    long[] old = slots;
    slots = new long[2 * old.length];
    for (long entry : old) {
      if (entry != 0) {
        place(entry);
      }
    }
  }

  private void place(long entry) {
    int mask = slots.length - 1;
    int slot = (int) (entry >>> 32) & mask;
    while (slots[slot] != 0) {
      slot = (slot + 1) & mask;
    }
    slots[slot] = entry;
  }
}
