package org.tokenformer.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Splits normalised text into words for BPE: first by each pattern of the file in order, then as
 * HF's {@code ByteLevel} does. For one thread at a time.
 */
final class PreTokenizer {
  /**
   * The settings of a file.
   *
   * @param patterns applied in order, each to the parts that the previous one produced
   * @param prefixSpace whether a part that does not begin with a space gets one
   * @param gpt2 whether parts are finally split by the GPT-2 pattern
   */
  record Settings(List<String> patterns, boolean prefixSpace, boolean gpt2) {
    Settings {
      patterns = List.copyOf(patterns);
    }
  }

  /** Receives the words in order. */
  interface Sink {
    /** Receives a word, never empty and valid only during the call. */
    void word(byte[] b, int from, int to);
  }

  private final Settings settings;
  private final List<RegexSplitter> splitters;
  private final Sink sink;
  private final ByteBuilder part = new ByteBuilder();
  private final ByteBuilder prefixed = new ByteBuilder();

  PreTokenizer(Settings settings, Sink sink) {
    this.settings = settings;
    splitters = new ArrayList<>();
    for (String pattern : settings.patterns()) {
      splitters.add(new RegexSplitter(pattern));
    }
    this.sink = sink;
  }

  /** Splits {@code b[from, to)}, which must be non-empty well-formed UTF-8. */
  void split(byte[] b, int from, int to) {
    if (splitters.isEmpty()) {
      byteLevel(b, from, to);
    } else {
      split(new String(b, from, to - from, StandardCharsets.UTF_8), 0);
    }
  }

  private void split(String text, int splitter) {
    if (splitter == splitters.size()) {
      int length = Utf8.encode(text, part);
      byteLevel(part.array(), 0, length);
    } else {
      splitters.get(splitter).split(text, piece -> split(piece, splitter + 1));
    }
  }

  private void byteLevel(byte[] b, int from, int to) {
    if (settings.prefixSpace() && b[from] != ' ') {
      int length = to - from + 1;
      byte[] array = prefixed.ensure(length);
      array[0] = ' ';
      System.arraycopy(b, from, array, 1, length - 1);
      words(array, 0, length);
    } else {
      words(b, from, to);
    }
  }

  private void words(byte[] b, int from, int to) {
    if (!settings.gpt2()) {
      sink.word(b, from, to);
      return;
    }
    int start = from;
    while (start < to) {
      int end = Gpt2Scanner.next(b, start, to);
      sink.word(b, start, end);
      start = end;
    }
  }

  /** Releases buffers that have grown beyond this capacity. */
  void trim(int capacity) {
    part.trim(capacity);
    prefixed.trim(capacity);
  }
}
