package org.tokenformer.tokenizer;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.util.Arrays;

/**
 * Caches the ids of words. Words recur in text, so nearly every word costs one look-up. Holds a few
 * MB at most and is cleared when full. For one thread at a time.
 */
final class WordCache {
  private static final int MAX_WORDS = 1 << 16;
  private static final int MAX_IDS = 1 << 19;

  /** Longer words are not cached, since they rarely recur. */
  private static final int MAX_WORD = 128;

  private final BpeModel model;
  private final BpeModel.Scratch scratch = new BpeModel.Scratch();
  private final ByteTable words = new ByteTable(1024);
  private int[] ends = new int[1024]; // of each word's ids
  private int[] ids = new int[2048];

  WordCache(BpeModel model) {
    this.model = model;
  }

  /** Appends the ids of the non-empty word {@code b[from, to)}. */
  void encode(byte[] b, int from, int to, IntArrayList out) {
    if (to - from > MAX_WORD) {
      model.encode(b, from, to, scratch, out);
      return;
    }
    int hash = ByteTable.hash(b, from, to);
    int index = words.find(b, from, to, hash);
    if (index >= 0) {
      int start = index == 0 ? 0 : ends[index - 1];
      int end = ends[index];
      do { // cached words have at least one id
        out.add(ids[start++]);
      } while (start < end);
      return;
    }
    int before = out.size();
    model.encode(b, from, to, scratch, out);
    int count = out.size() - before;
    if (count > 0) {
      remember(b, from, to, hash, out, before, count);
    }
  }

  private void remember(
      byte[] b, int from, int to, int hash, IntArrayList out, int before, int count) {
    int used = words.size() == 0 ? 0 : ends[words.size() - 1];
    if (words.size() == MAX_WORDS || used + count > MAX_IDS) {
      words.clear();
      used = 0;
    }
    if (used + count > ids.length) {
      ids = Arrays.copyOf(ids, Math.max(2 * ids.length, used + count));
    }
    out.getElements(before, ids, used, count);
    int index = words.add(b, from, to, hash);
    if (index == ends.length) {
      ends = Arrays.copyOf(ends, 2 * index);
    }
    ends[index] = used + count;
  }
}
