package org.tokenformer.tokenizer;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import it.unimi.dsi.fastutil.longs.Long2LongOpenHashMap;
import java.util.Arrays;

/**
 * A byte-level BPE model. A word starts as the tokens of its bytes, without bytes that the
 * vocabulary lacks. The adjacent pair with the lowest rank, the leftmost of equals, is then merged
 * into one token until no pair has a rank. Immutable.
 */
final class BpeModel {
  /** Up to this many symbols, scanning for the lowest rank is faster than a heap. */
  private static final int SHORT = 96;

  private static final long NONE = Long.MAX_VALUE;

  private final Vocabulary vocabulary;
  private final Long2LongOpenHashMap merges; // pair -> rank << 32 | id of the merged token
  private final boolean ignoreMerges;
  private final int[] idOfByte = new int[256];

  /**
   * Creates a model.
   *
   * @param merges maps each {@link #pair} to its {@link #merge}
   * @param ignoreMerges whether a word that is in the vocabulary becomes that token without merging
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

  /** Packs an adjacent pair into a key of the merges. */
  static long pair(int left, int right) {
    return ((long) left << 32) | right;
  }

  /** Packs a merge into a value of the merges. */
  static long merge(int rank, int id) {
    return ((long) rank << 32) | id;
  }

  Vocabulary vocabulary() {
    return vocabulary;
  }

  boolean ignoreMerges() {
    return ignoreMerges;
  }

  /** Returns the pairs in the order of their ranks. */
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

  /** Appends the ids of the non-empty word {@code b[from, to)}. */
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

  /** Merges in place; {@code found[i]} holds the merge of symbols i and i + 1. */
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

  /** Buffers reused from word to word; for one thread at a time. */
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
