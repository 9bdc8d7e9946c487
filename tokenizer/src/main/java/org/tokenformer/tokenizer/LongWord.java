package org.tokenformer.tokenizer;

import it.unimi.dsi.fastutil.longs.Long2LongOpenHashMap;
import java.util.Arrays;

/**
 * Merges a long word in O(n log n), with a linked list of symbols and a heap of candidate merges
 * ordered by rank and then by position. Candidates that other merges have made obsolete are skipped
 * when they are popped.
 */
final class LongWord {
  private static final int END = -1;

  private final Long2LongOpenHashMap merges;
  private final long absent;
  private long[] heap = {}; // rank << 32 | position of the left symbol
  private int heaped;

  LongWord(Long2LongOpenHashMap merges) {
    this.merges = merges;
    this.absent = merges.defaultReturnValue();
  }

  /** Merges the first {@code n} symbols in place; returns the number of symbols left. */
  int merge(int[] symbols, int n) {
    int[] next = new int[n];
    int[] previous = new int[n];
    for (int i = 0; i < n; i++) {
      next[i] = i + 1 < n ? i + 1 : END;
      previous[i] = i - 1;
    }
    heap = new long[n];
    for (int i = 0; i + 1 < n; i++) {
      note(symbols, i, i + 1);
    }
    while (heaped > 0) {
      long top = pop();
      int at = (int) top;
      int right = next[at];
      // Either the last symbol, or one that was merged into its left neighbour.
      if (right == END) {
        continue;
      }
      long merge = merges.get(BpeModel.pair(symbols[at], symbols[right]));
      if (merge == absent || merge >>> 32 != top >>> 32) {
        continue;
      }
      symbols[at] = (int) merge;
      int following = next[right];
      next[at] = following;
      next[right] = END;
      if (following != END) {
        previous[following] = at;
        note(symbols, at, following);
      }
      if (previous[at] != END) {
        note(symbols, previous[at], at);
      }
    }
    int left = 0;
    for (int i = 0; i != END; i = next[i]) {
      symbols[left++] = symbols[i];
    }
    return left;
  }

  private void note(int[] symbols, int left, int right) {
    long merge = merges.get(BpeModel.pair(symbols[left], symbols[right]));
    if (merge != absent) {
      push((merge >>> 32 << 32) | left);
    }
  }

  private void push(long value) {
    if (heaped == heap.length) {
      heap = Arrays.copyOf(heap, 2 * heaped + 1);
    }
    int i = heaped++;
    while (i > 0 && heap[(i - 1) / 2] > value) {
      heap[i] = heap[(i - 1) / 2];
      i = (i - 1) / 2;
    }
    heap[i] = value;
  }

  private long pop() {
    long top = heap[0];
    long last = heap[--heaped];
    int i = 0;
    while (2 * i + 1 < heaped) {
      int child = 2 * i + 1;
      if (child + 1 < heaped && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= last) {
        break;
      }
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
