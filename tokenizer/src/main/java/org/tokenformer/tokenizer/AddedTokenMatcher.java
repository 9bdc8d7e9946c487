package org.tokenformer.tokenizer;

import it.unimi.dsi.fastutil.ints.Int2IntOpenHashMap;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds added tokens in UTF-8: the leftmost match, the longest of those, then the next one after
 * it. Uses a trie; two tables over the first byte and the first two bytes of all tokens skip nearly
 * all of a text without consulting it.
 */
final class AddedTokenMatcher {
  /** Receives the segments of a text in order. */
  interface Sink {
    /** Receives text between tokens, never empty. */
    void text(byte[] b, int from, int to);

    /** Receives a token. */
    void token(int id);
  }

  private static final int NONE = -1;

  private final List<AddedToken> tokens = new ArrayList<>();
  private final boolean[] first = new boolean[256];
  private final long[] firstTwo = new long[65536 / 64];
  private final Int2IntOpenHashMap children = new Int2IntOpenHashMap(); // node << 8 | byte -> node
  private final Int2IntOpenHashMap accepting = new Int2IntOpenHashMap(); // node -> index in tokens
  private int nodes = 1;

  /**
   * Creates a matcher for some of the tokens.
   *
   * @param normalized whether to take the tokens matched in normalised text or the others
   * @param nfc whether texts are normalised to NFC, in which case normalised tokens are as well
   */
  AddedTokenMatcher(List<AddedToken> all, boolean normalized, boolean nfc) {
    children.defaultReturnValue(NONE);
    accepting.defaultReturnValue(NONE);
    // Of tokens that are equal after normalisation the first added wins, so special ones go first.
    for (boolean special : new boolean[] {true, false}) {
      for (AddedToken token : all) {
        if (token.special() == special && token.normalized() == normalized) {
          add(token.matched(nfc).getBytes(StandardCharsets.UTF_8), token);
        }
      }
    }
  }

  private void add(byte[] content, AddedToken token) {
    int a = content[0] & 0xFF;
    first[a] = true;
    for (int b = content.length > 1 ? content[1] & 0xFF : 0; b < 256; b++) {
      firstTwo[(a << 2) | (b >> 6)] |= 1L << b;
      if (content.length > 1) {
        break;
      }
    }
    int node = 0;
    for (byte b : content) {
      int edge = (node << 8) | (b & 0xFF);
      int child = children.get(edge);
      if (child == NONE) {
        child = nodes++;
        children.put(edge, child);
      }
      node = child;
    }
    accepting.putIfAbsent(node, tokens.size());
    tokens.add(token);
  }

  boolean isEmpty() {
    return tokens.isEmpty();
  }

  /** Returns the first offset at or after {@code from} where a token may begin, or {@code to}. */
  private int nextStart(byte[] b, int from, int to) {
    for (int i = from; i < to; i++) {
      int a = b[i] & 0xFF;
      if (first[a]) {
        if (i + 1 == to) {
          return i;
        }
        int c = b[i + 1] & 0xFF;
        if ((firstTwo[(a << 2) | (c >> 6)] & (1L << c)) != 0) {
          return i;
        }
      }
    }
    return to;
  }

  /**
   * Returns the end (high half) and index of the longest token that begins at {@code at}, or -1.
   */
  private long longest(byte[] b, int at, int to) {
    long best = -1;
    int node = 0;
    for (int i = at; i < to; i++) {
      node = children.get((node << 8) | (b[i] & 0xFF));
      if (node == NONE) {
        break;
      }
      int index = accepting.get(node);
      if (index != NONE) {
        best = ((long) (i + 1) << 32) | index;
      }
    }
    return best;
  }

  /**
   * Splits {@code b[from, to)}, well-formed UTF-8, into tokens and the text between them.
   *
   * <p>As in HF, the search continues after a match even if {@code singleWord} rejects it, and the
   * white space that a token includes after it is searched for further tokens.
   */
  void split(byte[] b, int from, int to, Sink sink) {
    int done = from;
    int at = nextStart(b, from, to);
    while (at < to) {
      long match = longest(b, at, to);
      if (match < 0) {
        at = nextStart(b, at + 1, to);
        continue;
      }
      int stop = (int) (match >>> 32);
      AddedToken token = tokens.get((int) match);
      if (!token.singleWord() || isSingle(b, from, at, stop, to)) {
        int start = token.lstrip() ? Math.max(done, spaceBefore(b, from, at)) : at;
        if (done < start) {
          sink.text(b, done, start);
        }
        done = token.rstrip() ? spaceAfter(b, stop, to) : stop;
        if (start < done) {
          sink.token(token.id());
        }
      }
      at = nextStart(b, stop, to);
    }
    if (done < to) {
      sink.text(b, done, to);
    }
  }

  private static boolean isSingle(byte[] b, int from, int start, int stop, int to) {
    return (start == from || !isWord(Utf8.codePoint(b, Utf8.previous(b, start))))
        && (stop == to || !isWord(Utf8.codePoint(b, stop)));
  }

  private static int spaceBefore(byte[] b, int from, int start) {
    int i = start;
    while (i > from) {
      int previous = Utf8.previous(b, i);
      if (!Gpt2Scanner.isWhiteSpace(Utf8.codePoint(b, previous))) {
        break;
      }
      i = previous;
    }
    return i;
  }

  private static int spaceAfter(byte[] b, int stop, int to) {
    int i = stop;
    while (i < to && Gpt2Scanner.isWhiteSpace(Utf8.codePoint(b, i))) {
      i += Utf8.length(b[i]);
    }
    return i;
  }

  /** Returns whether {@code \w} matches, as defined in UTS 18, annex C. */
  private static boolean isWord(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.NON_SPACING_MARK,
          Character.ENCLOSING_MARK,
          Character.COMBINING_SPACING_MARK,
          Character.DECIMAL_DIGIT_NUMBER,
          Character.CONNECTOR_PUNCTUATION ->
          true;
      default -> Character.isAlphabetic(codePoint) || codePoint == 0x200C || codePoint == 0x200D;
    };
  }
}
