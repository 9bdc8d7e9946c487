package org.tokenformer.tokenizer;

import java.io.IOException;
import java.util.Arrays;
import java.util.function.LongConsumer;

/**
 * Counts the words of texts line by line, as HF's trainer does: a line includes its newline, and no
 * word extends beyond it. Memory grows with the longest line and the number of distinct words.
 */
final class WordCounter {
  private static final int MAX_LINE = 1 << 30;

  /** Maximum total length of the distinct words in bytes. */
  static final int MAX_WORDS = 1 << 30;

  private final boolean nfc;
  private final int maxWords;
  private final PreTokenizer preTokenizer;
  private final ByteTable words = new ByteTable(1 << 12);
  private final ByteBuilder text = new ByteBuilder();
  private final ByteBuilder normal = new ByteBuilder();
  private long[] counts = new long[1 << 12];
  private boolean full;

  WordCounter(boolean nfc, PreTokenizer.Settings settings, int maxWords) {
    this.nfc = nfc;
    this.maxWords = maxWords;
    preTokenizer = new PreTokenizer(settings, this::count);
  }

  /** Returns the distinct words, as bytes. */
  ByteTable words() {
    return words;
  }

  /** Returns how often each word occurs, by its number in {@link #words}. */
  long[] counts() {
    return Arrays.copyOf(counts, words.size());
  }

  /**
   * Counts the words of a text.
   *
   * @param progress receives the number of bytes read since its last call
   * @throws IOException as {@link TextLines#readLine} does, or if there are too many distinct words
   */
  void read(TextLines lines, LongConsumer progress) throws IOException {
    long reported = 0;
    int length;
    do {
      length = lines.read(text, 0, MAX_LINE);
      line(text.array(), length);
      if (full) {
        throw new TokenizerException(
            "%s: line %d: the distinct words exceed the maximum of %d bytes; train on fewer texts"
                .formatted(lines.name(), lines.lines(), maxWords));
      }
      if (lines.bytesRead() > reported) {
        progress.accept(lines.bytesRead() - reported);
        reported = lines.bytesRead();
      }
    } while (length > 0);
  }

  private void line(byte[] b, int length) {
    String changed = nfc ? Nfc.normalize(b, 0, length) : null;
    if (changed == null) {
      preTokenizer.split(b, 0, length);
    } else {
      int changedLength = Utf8.encode(changed, normal);
      preTokenizer.split(normal.array(), 0, changedLength);
    }
  }

  private void count(byte[] b, int from, int to) {
    int hash = ByteTable.hash(b, from, to);
    int index = words.find(b, from, to, hash);
    if (index < 0) {
      full |= to - from > maxWords - words.length();
      if (full) {
        return;
      }
      index = words.add(b, from, to, hash);
      if (index == counts.length) {
        counts = Arrays.copyOf(counts, 2 * index);
      }
    }
    counts[index]++;
  }
}
