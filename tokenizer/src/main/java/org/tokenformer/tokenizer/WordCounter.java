package org.tokenformer.tokenizer;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * Counts the words of text files line by line, as HF's trainer does: a line includes its newline,
 * and no word extends beyond it. Memory grows with the longest line and the number of distinct
 * words.
 */
final class WordCounter {
  private static final int BUFFER = 1 << 20;
  private static final int MAX_LINE = 1 << 30;

  private final boolean nfc;
  private final PreTokenizer preTokenizer;
  private final ByteTable words = new ByteTable(1 << 12);
  private final ByteBuilder normal = new ByteBuilder();
  private long[] counts = new long[1 << 12];

  WordCounter(boolean nfc, PreTokenizer.Settings settings) {
    this.nfc = nfc;
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

  /** Returns the total size of the files in bytes. */
  static long size(List<Path> files) throws IOException {
    long total = 0;
    for (Path file : files) {
      try {
        if (Files.isDirectory(file)) {
          throw new TokenizerException(file + ": is a folder; name its text files");
        }
        total += Files.size(file);
      } catch (NoSuchFileException e) {
        throw new TokenizerException(file + ": does not exist", e);
      }
    }
    return total;
  }

  /**
   * Counts the words of a file.
   *
   * @param progress receives the number of bytes read since its last call
   */
  void read(Path file, LongConsumer progress) throws IOException {
    ByteBuilder buffer = new ByteBuilder();
    buffer.ensure(BUFFER);
    int used = 0;
    long lines = 0;
    try (InputStream in = Files.newInputStream(file)) {
      while (true) {
        if (used >= MAX_LINE) {
          throw new TokenizerException(
              file
                  + ": line "
                  + (lines + 1)
                  + " is longer than 1 GiB; split it into shorter lines");
        }
        if (used == buffer.array().length) {
          buffer.grow(used, used + 1L);
        }
        byte[] b = buffer.array();
        int n = in.read(b, used, b.length - used);
        if (n < 0) {
          break;
        }
        progress.accept(n);
        int start = 0;
        int end = used + n;
        for (int i = used; i < end; i++) {
          if (b[i] == '\n') {
            line(b, start, i + 1, file, ++lines);
            start = i + 1;
          }
        }
        used = end - start;
        System.arraycopy(b, start, b, 0, used);
      }
    }
    if (used > 0) {
      line(buffer.array(), 0, used, file, lines + 1);
    }
  }

  private void line(byte[] b, int from, int to, Path file, long number) throws TokenizerException {
    int bad = Utf8.malformedAt(b, from, to);
    if (bad >= 0) {
      throw new TokenizerException(
          file
              + ": line "
              + number
              + " is not UTF-8: invalid byte at position "
              + (bad - from + 1)
              + " of the line; convert the text to UTF-8");
    }
    String changed = nfc ? Nfc.normalize(b, from, to) : null;
    if (changed == null) {
      preTokenizer.split(b, from, to);
    } else {
      int length = Utf8.encode(changed, normal);
      preTokenizer.split(normal.array(), 0, length);
    }
  }

  private void count(byte[] b, int from, int to) {
    int hash = ByteTable.hash(b, from, to);
    int index = words.find(b, from, to, hash);
    if (index < 0) {
      index = words.add(b, from, to, hash);
      if (index == counts.length) {
        counts = Arrays.copyOf(counts, 2 * index);
      }
    }
    counts[index]++;
  }
}
