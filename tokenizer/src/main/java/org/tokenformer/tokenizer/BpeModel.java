package org.tokenformer.tokenizer;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import it.unimi.dsi.fastutil.longs.Long2LongOpenHashMap;
import java.util.Arrays;

/**
 * Byte-level BPE. A word is the list of its bytes' tokens; again and again the pair of neighbours
 * of the lowest rank, the leftmost of equals, becomes one token, until no pair has a rank. Bytes
 * that the vocabulary lacks are dropped before. Immutable.
 */
final class BpeModel {
  /** Up to so many symbols a scan for the lowest rank is faster than a heap. */
  private static final int SHORT = 96;

  private static final long NONE = Long.MAX_VALUE;

  private final Vocabulary vocabulary;
  private final Long2LongOpenHashMap merges; // pair -> rank << 32 | id of the merged token
  private final boolean ignoreMerges;
  private final int[] idOfByte = new int[256];

  /**
   * A model.
   *
   * @param merges see {@link #pair} and {@link #merge}
   * @param ignoreMerges a word that is a token as a whole becomes that token, whatever the merges
   */
  BpeModel(Vocabulary vocabulary, Long2LongOpenHashMap merges, boolean ignoreMerges) {
    this.vocabulary = vocabulary;
    this.merges = merges;
    this.ignoreMerges = ignoreMerges;
    merges.defaultReturnValue(NONE);
    for (int b = 0; b < 256; b++) {
      idOfByte[b] = vocabulary.idOf(new byte[] {(byte) b}, 0, 1);
    }
  }

  /** A pair of neighbours as a key of the merges. */
  static long pair(int left, int right) {
    return ((long) left << 32) | right;
  }

  /** A merge as a value of the merges. */
  static long merge(int rank, int id) {
    return ((long) rank << 32) | id;
  }

  Vocabulary vocabulary() {
    return vocabulary;
  }

  boolean ignoreMerges() {
    return ignoreMerges;
  }

  /** The pairs in the order of their ranks. */
  long[] pairsByRank() {
    long[][] entries = new long[merges.size()][];
    int n = 0;
    for (var entry : merges.long2LongEntrySet()) {
      entries[n++] = new long[] {entry.getLongValue(), entry.getLongKey()};
    }
    Arrays.sort(entries, (a, b) -> Long.compare(a[0], b[0]));
    long[] pairs = new long[n];
    Arrays.setAll(pairs, i -> entries[i][1]);
    return pairs;
  }

  /** Appends the ids of the word {@code b[from, to)}, not empty. */
  void encode(byte[] b, int from, int to, Scratch scratch, IntArrayList out) {
    if (ignoreMerges) {
      int id = vocabulary.idOf(b, from, to);
      if (id >= 0) {
        out.add(id);
        return;
      }
    }
    int[] symbols = scratch.symbols(to - from);
    int n = 0;
    for (int i = from; i < to; i++) {
      int id = idOfByte[b[i] & 0xFF];
      if (id >= 0) {
        symbols[n++] = id;
      }
    }
    n = n <= SHORT ? mergeShort(symbols, n, scratch.found) : new LongWord(merges).merge(symbols, n);
    out.addElements(out.size(), symbols, 0, n);
  }

  /** Merges in place; {@code found[i]} is the merge of symbols i and i + 1. */
  private int mergeShort(int[] symbols, int count, long[] found) {
    int n = count;
    for (int i = 0; i + 1 < n; i++) {
      found[i] = merges.get(pair(symbols[i], symbols[i + 1]));
    }
    while (n > 1) {
      int at = 0;
      for (int i = 1; i + 1 < n; i++) {
        if (found[i] < found[at]) {
          at = i;
        }
      }
      if (found[at] == NONE) {
        break;
      }
      symbols[at] = (int) found[at];
      n--;
      System.arraycopy(symbols, at + 2, symbols, at + 1, n - at - 1);
      System.arraycopy(found, at + 1, found, at, n - at - 1);
      if (at > 0) {
        found[at - 1] = merges.get(pair(symbols[at - 1], symbols[at]));
      }
      if (at + 1 < n) {
        found[at] = merges.get(pair(symbols[at], symbols[at + 1]));
      }
    }
    return n;
  }

  /** Memory for one encoding at a time, kept between words. */
  static final class Scratch {
    private final long[] found = new long[SHORT];
    private int[] symbols = new int[SHORT];

    private int[] symbols(int n) {
      if (n > symbols.length) {
        return new int[n];
      }
      return symbols;
    }
  }
}
