package org.tokenformer.tokenizer;

import java.nio.charset.StandardCharsets;

/**
 * UTF-8 coding as in Rust's standard library. Java's own decoder differs: it replaces an encoded
 * surrogate by one U+FFFD, where Rust (and table 3-8 of the Unicode standard, "maximal subparts")
 * uses three.
 */
final class Utf8 {
  /** Maximum length of a text; the UTF-8 of longer ones might not fit an array. */
  static final int MAX_CHARS = 700_000_000;

  private Utf8() {}

  /**
   * Encodes a text at the start of a buffer; a lone surrogate becomes U+FFFD.
   *
   * @return the encoded length
   */
  static int encode(CharSequence text, ByteBuilder into) {
    int n = text.length();
    if (n > MAX_CHARS) {
      throw new IllegalArgumentException(
          "the text has "
              + n
              + " characters; the maximum is "
              + MAX_CHARS
              + "; encode it in parts");
    }
    byte[] out = into.ensure(n);
    int i = 0;
    for (; i < n; i++) {
      char c = text.charAt(i);
      if (c >= 0x80) {
        break;
      }
      out[i] = (byte) c;
    }
    return i == n ? n : encodeRest(text, i, into);
  }

  private static int encodeRest(CharSequence text, int i, ByteBuilder into) {
    int n = text.length();
    int at = i;
    byte[] out = into.array();
    while (i < n) {
      if (out.length - at < 4) {
        out = into.grow(at, at + 4L + (long) (n - i) * 2);
      }
      char c = text.charAt(i++);
      if (c < 0x80) {
        out[at++] = (byte) c;
      } else if (c < 0x800) {
        out[at++] = (byte) (0xC0 | (c >> 6));
        out[at++] = (byte) (0x80 | (c & 0x3F));
      } else if (Character.isHighSurrogate(c)
          && i < n
          && Character.isLowSurrogate(text.charAt(i))) {
        int cp = Character.toCodePoint(c, text.charAt(i++));
        out[at++] = (byte) (0xF0 | (cp >> 18));
        out[at++] = (byte) (0x80 | ((cp >> 12) & 0x3F));
        out[at++] = (byte) (0x80 | ((cp >> 6) & 0x3F));
        out[at++] = (byte) (0x80 | (cp & 0x3F));
      } else {
        int cp = Character.isSurrogate(c) ? 0xFFFD : c;
        out[at++] = (byte) (0xE0 | (cp >> 12));
        out[at++] = (byte) (0x80 | ((cp >> 6) & 0x3F));
        out[at++] = (byte) (0x80 | (cp & 0x3F));
      }
    }
    return at;
  }

  /** Returns the code point at {@code i} of well-formed UTF-8. */
  static int codePoint(byte[] b, int i) {
    int first = b[i];
    if (first >= 0) {
      return first;
    }
    if ((first & 0xE0) == 0xC0) {
      return ((first & 0x1F) << 6) | (b[i + 1] & 0x3F);
    }
    int second = b[i + 1] & 0x3F;
    if ((first & 0xF0) == 0xE0) {
      return ((first & 0x0F) << 12) | (second << 6) | (b[i + 2] & 0x3F);
    }
    int tail = ((b[i + 2] & 0x3F) << 6) | (b[i + 3] & 0x3F);
    return ((first & 0x07) << 18) | (second << 12) | tail;
  }

  /** Returns the length of a well-formed sequence from its first byte. */
  static int length(byte first) {
    return first >= 0 ? 1 : (first & 0xE0) == 0xC0 ? 2 : (first & 0xF0) == 0xE0 ? 3 : 4;
  }

  /** Returns the start of the code point that ends at {@code to}, in well-formed UTF-8. */
  static int previous(byte[] b, int to) {
    int i = to - 1;
    while ((b[i] & 0xC0) == 0x80) {
      i--;
    }
    return i;
  }

  /** Returns the index of the first byte that is not part of well-formed UTF-8, or -1. */
  static int malformedAt(byte[] b, int from, int to) {
    int i = from;
    while (i < to) {
      if (b[i] >= 0) {
        i++;
        continue;
      }
      int length = sequenceLength(b[i]);
      if (length == 0 || wellFormed(b, i, to) < length) {
        return i;
      }
      i += length;
    }
    return -1;
  }

  /** Decodes UTF-8; each maximal subpart of an ill-formed sequence becomes one U+FFFD. */
  static String decode(byte[] b, int from, int to) {
    int bad = malformedAt(b, from, to);
    if (bad < 0) {
      return new String(b, from, to - from, StandardCharsets.UTF_8);
    }
    StringBuilder text = new StringBuilder(to - from);
    int start = from;
    while (bad >= 0) {
      text.append(new String(b, start, bad - start, StandardCharsets.UTF_8)).append('\uFFFD');
      start = bad + Math.max(1, wellFormed(b, bad, to));
      bad = malformedAt(b, start, to);
    }
    return text.append(new String(b, start, to - start, StandardCharsets.UTF_8)).toString();
  }

  /**
   * Returns how many bytes at the end, 0 to 3, are the start of a sequence that further bytes could
   * complete. The bytes before them decode the same whatever follows.
   */
  static int unfinished(byte[] b, int from, int to) {
    for (int back = 1; back <= 3 && back <= to - from; back++) {
      byte first = b[to - back];
      if ((first & 0xC0) != 0x80) {
        return sequenceLength(first) > back && wellFormed(b, to - back, to) == back ? back : 0;
      }
    }
    return 0;
  }

  /** Returns the length of a sequence with this first byte, or 0 if no sequence begins with it. */
  private static int sequenceLength(byte first) {
    int b = first & 0xFF;
    return b < 0x80 ? 1 : b < 0xC2 ? 0 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : b < 0xF5 ? 4 : 0;
  }

  /**
   * Returns how many bytes at {@code i} are a sequence or the start of one (Unicode, table 3-7).
   */
  private static int wellFormed(byte[] b, int i, int to) {
    int length = sequenceLength(b[i]);
    if (length < 2 || i + 1 == to) {
      return Math.min(length, 1);
    }
    int second = b[i + 1] & 0xFF;
    int low = b[i] == (byte) 0xE0 ? 0xA0 : b[i] == (byte) 0xF0 ? 0x90 : 0x80;
    int high = b[i] == (byte) 0xED ? 0x9F : b[i] == (byte) 0xF4 ? 0x8F : 0xBF;
    if (second < low || second > high) {
      return 1;
    }
    int n = 2;
    while (n < length && i + n < to && (b[i + n] & 0xC0) == 0x80) {
      n++;
    }
    return n;
  }
}
