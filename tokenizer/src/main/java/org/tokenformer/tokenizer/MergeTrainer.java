package org.tokenformer.tokenizer;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import it.unimi.dsi.fastutil.longs.Long2LongOpenHashMap;
import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import it.unimi.dsi.fastutil.longs.LongArrayList;
import it.unimi.dsi.fastutil.objects.Object2IntOpenHashMap;
import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Finds merges from words and their counts: repeatedly merges the most frequent adjacent pair, of
 * equals the one with the smaller ids, into a token.
 *
 * <p>Follows HF's trainer exactly, including what looks like an oversight there: a queue entry
 * lists only the words in which its pair was new when the entry was created, and the count of a
 * merged pair is kept. Both matter when two pairs yield the same token.
 */
final class MergeTrainer {
  private final int[] symbols; // the words end to end, each shrinking in place
  private final int[] starts;
  private final int[] lengths;
  private final long[] counts;
  private final List<String> tokens = new ArrayList<>();
  private final Object2IntOpenHashMap<String> ids = new Object2IntOpenHashMap<>();
  private final Long2LongOpenHashMap pairCounts = new Long2LongOpenHashMap();
  private final Long2ObjectOpenHashMap<IntArrayList> found = new Long2ObjectOpenHashMap<>();
  private final PriorityQueue<Candidate> queue = new PriorityQueue<>();
  private final LongArrayList mergedPairs = new LongArrayList();
  private final IntArrayList mergedIds = new IntArrayList();

  /** A pair that may be merged, and the numbers of the words that may contain it. */
  private record Candidate(long pair, long count, IntArrayList words)
      implements Comparable<Candidate> {
    @Override
    public int compareTo(Candidate other) {
      int byCount = Long.compare(other.count, count);
      return byCount != 0 ? byCount : Long.compare(pair, other.pair);
    }
  }

  /** Creates a trainer. The special tokens get the first ids, then the bytes. */
  MergeTrainer(ByteTable words, long[] counts, List<String> specialTokens) {
    this.counts = counts;
    ids.defaultReturnValue(-1);
    specialTokens.forEach(this::idOf);
    int[] idOfByte = new int[256];
    for (char c = 0; c < 0x200; c++) { // in character order, not byte order
      int b = ByteAlphabet.byteOf(c);
      if (b >= 0) {
        idOfByte[b] = idOf(String.valueOf(c));
      }
    }
    symbols = new int[words.length()];
    starts = new int[words.size()];
    lengths = new int[words.size()];
    byte[] bytes = words.bytes();
    for (int w = 0; w < starts.length; w++) {
      starts[w] = words.start(w);
      lengths[w] = words.end(w) - starts[w];
      for (int i = starts[w]; i < words.end(w); i++) {
        symbols[i] = idOfByte[bytes[i] & 0xFF];
      }
    }
  }

  private int idOf(String token) {
    int id = ids.getInt(token);
    if (id < 0) {
      id = tokens.size();
      ids.put(token, id);
      tokens.add(token);
    }
    return id;
  }

  /** Returns all tokens by id. */
  List<String> tokens() {
    return tokens;
  }

  /** Returns the merges for {@link BpeModel}; a pair merged twice has its later rank. */
  Long2LongOpenHashMap merges() {
    Long2LongOpenHashMap merges = new Long2LongOpenHashMap(mergedPairs.size(), 0.5f);
    for (int rank = 0; rank < mergedPairs.size(); rank++) {
      merges.put(mergedPairs.getLong(rank), BpeModel.merge(rank, mergedIds.getInt(rank)));
    }
    return merges;
  }

  /** Merges until the vocabulary has this size or no pair occurs often enough. */
  void train(int vocabularySize, long minFrequency, BpeTrainer.ProgressListener progress) {
    for (int w = 0; w < starts.length; w++) {
      for (int i = starts[w]; i + 1 < starts[w] + lengths[w]; i++) {
        added(BpeModel.pair(symbols[i], symbols[i + 1]), w);
      }
    }
    enqueueFound();
    while (tokens.size() < vocabularySize && !queue.isEmpty()) {
      Candidate top = queue.remove();
      long count = pairCounts.get(top.pair);
      if (count != top.count) {
        queue.add(new Candidate(top.pair, count, top.words));
        continue;
      }
      if (count < 1 || count < minFrequency) {
        break;
      }
      int left = (int) (top.pair >>> 32);
      int right = (int) top.pair;
      int merged = idOf(tokens.get(left) + tokens.get(right));
      mergedPairs.add(top.pair);
      mergedIds.add(merged);
      for (int i = 0; i < top.words.size(); i++) {
        merge(top.words.getInt(i), left, right, merged);
      }
      enqueueFound();
      progress.progress(BpeTrainer.Phase.MERGING, tokens.size(), vocabularySize);
    }
  }

  private void noteFound(long pair, int word) {
    IntArrayList list = found.get(pair);
    if (list == null) {
      list = new IntArrayList(2);
      found.put(pair, list);
    }
    // words are visited in order, so a word that is already in the list is its last element
    if (list.isEmpty() || list.getInt(list.size() - 1) != word) {
      list.add(word);
    }
  }

  private void enqueueFound() {
    for (var entry : found.long2ObjectEntrySet()) {
      long count = pairCounts.get(entry.getLongKey());
      if (count > 0) {
        queue.add(new Candidate(entry.getLongKey(), count, entry.getValue()));
      }
    }
    found.clear();
  }

  /** Merges a pair in a word and updates the counts of the pairs removed and added. */
  private void merge(int word, int left, int right, int merged) {
    int start = starts[word];
    int end = start + lengths[word];
    long count = counts[word];
    int to = start;
    int i = start;
    while (i < end) {
      if (symbols[i] != left || i + 1 == end || symbols[i + 1] != right) {
        symbols[to++] = symbols[i++];
        continue;
      }
      i += 2;
      if (to > start) {
        pairCounts.addTo(BpeModel.pair(symbols[to - 1], left), -count);
        added(BpeModel.pair(symbols[to - 1], merged), word);
      }
      symbols[to++] = merged;
      if (i < end) {
        pairCounts.addTo(BpeModel.pair(right, symbols[i]), -count);
        added(BpeModel.pair(merged, symbols[i]), word);
      }
    }
    lengths[word] = to - start;
  }

  private void added(long pair, int word) {
    pairCounts.addTo(pair, counts[word]);
    noteFound(pair, word);
  }
}
