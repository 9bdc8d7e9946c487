package org.tokenformer.tokenizer;

import java.util.Arrays;

/**
 * A set of byte strings, numbered from 0 in insertion order. The bytes are stored end to end in one
 * array and the hash table holds only numbers, so look-ups and insertions allocate no objects.
 */
final class ByteTable {
  /**
   * The hash factor. It differs in each process, so that a file cannot contain prepared collisions.
   * No result depends on it.
   */
  private static final long FACTOR = (System.nanoTime() * 0x9E3779B97F4A7C15L) | 1;

  private byte[] bytes;
  private int[] ends; // ends[i]: end of string i, start of string i + 1
  private long[] slots; // hash in the high half, number + 1 in the low half; 0 is free
  private int size;

  /** Creates a set with room for about this many strings of six bytes before it grows. */
  ByteTable(int expected) {
    bytes = new byte[Math.max(64, 6 * expected)];
    ends = new int[Math.max(8, expected)];
    slots = new long[Integer.highestOneBit(Math.max(8, expected)) * 4];
  }

  /** Returns the number of strings. */
  int size() {
    return size;
  }

  /** Returns the total length of all strings. */
  int length() {
    return size == 0 ? 0 : ends[size - 1];
  }

  /** Returns the start of a string in {@link #bytes}. */
  int start(int index) {
    return index == 0 ? 0 : ends[index - 1];
  }

  /** Returns the end of a string in {@link #bytes}. */
  int end(int index) {
    return ends[index];
  }

  /** Returns all strings end to end: not a copy, valid until the next insertion, read-only. */
  byte[] bytes() {
    return bytes;
  }

  /** Removes all strings but keeps the memory. */
  void clear() {
    Arrays.fill(slots, 0);
    size = 0;
  }

  /**
   * Computes a hash byte by byte: most strings are short, and this is fast even before the JIT
   * compiles it.
   */
  static int hash(byte[] b, int from, int to) {
    long h = 1; // so that leading zeros count
    for (int i = from; i < to; i++) {
      h = (h + b[i]) * FACTOR;
    }
    h ^= h >>> 32;
    return (int) ((h * FACTOR) >>> 32);
  }

  /** Returns the number of {@code b[from, to)}, or -1. */
  int find(byte[] b, int from, int to) {
    return find(b, from, to, hash(b, from, to));
  }

  /** Returns the number of {@code b[from, to)}, given its {@link #hash}, or -1. */
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
   * Adds {@code b[from, to)}, which must not be in the set yet.
   *
   * @return its number
   * @throws IllegalStateException if the strings exceed 1 GiB in total; callers check it
   */
  int add(byte[] b, int from, int to, int hash) {
    int at = length();
    int length = to - from;
    if (length > (1 << 30) - at) {
      throw new IllegalStateException("the distinct strings exceed 1 GiB in total");
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
    insert(((long) hash << 32) | size);
    return size - 1;
  }

  private void grow() {
    long[] old = slots;
    slots = new long[2 * old.length];
    for (long entry : old) {
      if (entry != 0) {
        insert(entry);
      }
    }
  }

  private void insert(long entry) {
    int mask = slots.length - 1;
    int slot = (int) (entry >>> 32) & mask;
    while (slots[slot] != 0) {
      slot = (slot + 1) & mask;
    }
    slots[slot] = entry;
  }
}
