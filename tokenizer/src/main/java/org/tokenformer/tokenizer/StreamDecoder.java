package org.tokenformer.tokenizer;

import java.util.List;

/**
 * Decodes ids that arrive one at a time, as a model generates them, into text that can be displayed
 * immediately.
 *
 * <p>{@link #accept} returns the text that has become final: complete characters that cannot be
 * part of a stop string. The rest is held back until the next id or {@link #finish}. The
 * concatenation of all returned texts equals the result of {@link Tokenizer#decode} for the same
 * ids, up to the stop string.
 *
 * <p>The first stop string that is completed ends the stream; if several are completed by the same
 * character, the longest counts. Token boundaries make no difference. The stop string and
 * everything after it are not returned.
 *
 * <p>The work is proportional to the length of the text, no matter how much of it is held back. For
 * one thread at a time.
 */
public final class StreamDecoder {
  private final Tokenizer tokenizer;
  private final boolean skipSpecial;
  private final Stop[] stops;
  private final ByteBuilder bytes = new ByteBuilder();
  private final StringBuilder held = new StringBuilder();
  private int unfinished; // bytes of an incomplete sequence
  private boolean stopped;
  private boolean finished;

  StreamDecoder(Tokenizer tokenizer, boolean skipSpecial, List<String> stops) {
    this.tokenizer = tokenizer;
    this.skipSpecial = skipSpecial;
    this.stops = stops.stream().map(Stop::new).toArray(Stop[]::new);
  }

  /**
   * Accepts the next id.
   *
   * @return the text that has become final, often a word, possibly empty; always empty after a stop
   *     string
   * @throws IllegalArgumentException if the id is not in the vocabulary
   * @throws IllegalStateException after {@link #finish}
   */
  public String accept(int id) {
    if (finished) {
      throw new IllegalStateException("the stream is already finished");
    }
    if (stopped) {
      return "";
    }
    int used = tokenizer.decode(id, skipSpecial, bytes, unfinished);
    byte[] array = bytes.array();
    unfinished = Utf8.unfinished(array, 0, used);
    int certain = used - unfinished;
    String text = Utf8.decode(array, 0, certain);
    System.arraycopy(array, certain, array, 0, unfinished);
    return release(text);
  }

  /**
   * Ends the stream.
   *
   * @return the text held back: U+FFFD for an incomplete character, the start of a stop string
   */
  public String finish() {
    if (finished || stopped) {
      finished = true;
      return "";
    }
    finished = true;
    String text = release(Utf8.decode(bytes.array(), 0, unfinished));
    return stopped ? text : text + held;
  }

  /** Returns whether a stop string has been found. */
  public boolean stopped() {
    return stopped;
  }

  /** Adds text to the held-back text and removes the part that cannot belong to a stop string. */
  private String release(String text) {
    if (stops.length == 0) {
      return text;
    }
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      held.append(c);
      int found = 0;
      for (Stop stop : stops) {
        if (stop.advance(c)) {
          found = Math.max(found, stop.length());
        }
      }
      if (found > 0) {
        stopped = true;
        return held.substring(0, held.length() - found);
      }
    }
    int wait = 0;
    for (Stop stop : stops) {
      wait = Math.max(wait, stop.matched);
    }
    String free = held.substring(0, held.length() - wait);
    held.delete(0, free.length());
    return free;
  }

  /** A stop string and how much of it the text currently ends with (Knuth–Morris–Pratt). */
  private static final class Stop {
    private final String text;
    private final int[] fallback; // [n]: the longest proper border of the first n characters
    private int matched;

    Stop(String text) {
      if (text.isEmpty()) {
        throw new IllegalArgumentException("a stop string must not be empty");
      }
      if (text.codePoints().anyMatch(c -> c >= 0xD800 && c <= 0xDFFF)) {
        throw new IllegalArgumentException("a stop string has an unpaired surrogate");
      }
      this.text = text;
      fallback = new int[text.length() + 1];
      int border = 0;
      for (int n = 2; n <= text.length(); n++) {
        char c = text.charAt(n - 1);
        while (border > 0 && text.charAt(border) != c) {
          border = fallback[border];
        }
        if (text.charAt(border) == c) {
          border++;
        }
        fallback[n] = border;
      }
    }

    int length() {
      return text.length();
    }

    /** Accepts a character; must not be called again after it has returned true (complete). */
    boolean advance(char c) {
      while (matched > 0 && text.charAt(matched) != c) {
        matched = fallback[matched];
      }
      if (text.charAt(matched) == c) {
        matched++;
      }
      return matched == text.length();
    }
  }
}
