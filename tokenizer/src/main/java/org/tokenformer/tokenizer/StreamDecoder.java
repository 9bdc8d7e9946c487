package org.tokenformer.tokenizer;

import java.util.List;

/**
 * Decodes ids that come one at a time, as a model writes them, into text that can be shown at once.
 *
 * <p>{@link #accept} returns the text that became certain: characters whose bytes are all there,
 * and that cannot become part of a stop. The rest waits for the next id or for {@link #finish}. All
 * that was returned, end to end, is what {@link Tokenizer#decode} gives for the same ids, up to the
 * stop.
 *
 * <p>Of several stops the one that is complete first ends the stream, of those complete at the same
 * character the longest; where token boundaries lie makes no difference. The stop itself and all
 * behind it are not returned.
 *
 * <p>The work is proportional to the text, however long it waits. For one thread at a time.
 */
public final class StreamDecoder {
  private final Tokenizer tokenizer;
  private final boolean skipSpecial;
  private final Stop[] stops;
  private final ByteBuilder bytes = new ByteBuilder();
  private final StringBuilder held = new StringBuilder();
  private int unfinished; // bytes at the start of a sequence that wait for its end
  private boolean stopped;
  private boolean finished;

  StreamDecoder(Tokenizer tokenizer, boolean skipSpecial, List<String> stops) {
    this.tokenizer = tokenizer;
    this.skipSpecial = skipSpecial;
    this.stops = stops.stream().map(Stop::new).toArray(Stop[]::new);
  }

  /**
   * Takes the next id.
   *
   * @return the text that became certain, often a word, sometimes nothing; nothing after a stop
   * @throws IllegalArgumentException if the id is not of the vocabulary
   * @throws IllegalStateException after {@link #finish}
   */
  public String accept(int id) {
    if (finished) {
      throw new IllegalStateException("the stream has been finished");
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
   * @return what was waiting: U+FFFD for an unfinished character, the beginning of a stop
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

  /** Whether a stop has been found. */
  public boolean stopped() {
    return stopped;
  }

  /** Adds text to what waits, and takes from its front what no stop can begin in. */
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

  /** One stop, and how much of it the end of the text is (Knuth, Morris, Pratt). */
  private static final class Stop {
    private final String text;
    private final int[] fallback; // [n]: the longest proper border of the first n characters
    private int matched;

    Stop(String text) {
      if (text.isEmpty()) {
        throw new IllegalArgumentException("a stop must not be empty");
      }
      if (text.codePoints().anyMatch(c -> c >= 0xD800 && c <= 0xDFFF)) {
        throw new IllegalArgumentException("a stop has half of a surrogate pair");
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

    /** Takes the next character; whether the stop is complete, after which none may follow. */
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
