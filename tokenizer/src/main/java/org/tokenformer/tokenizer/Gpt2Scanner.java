package org.tokenformer.tokenizer;

/**
 * A hand-written matcher of the GPT-2 pattern over UTF-8:
 *
 * <pre>{@code 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+}</pre>
 *
 * Each byte of a text belongs to exactly one match. {@code \s} is the Unicode property White_Space.
 * Letters and numbers follow the Unicode version of the running JDK (JDK 25: Unicode 16, the same
 * as HF tokenizers 0.23).
 */
final class Gpt2Scanner {
  private static final byte OTHER = 0;
  private static final byte LETTER = 1;
  private static final byte NUMBER = 2;
  private static final byte SPACE = 3;

  private static final int LETTERS =
      (1 << Character.UPPERCASE_LETTER)
          | (1 << Character.LOWERCASE_LETTER)
          | (1 << Character.TITLECASE_LETTER)
          | (1 << Character.MODIFIER_LETTER)
          | (1 << Character.OTHER_LETTER);
  private static final int NUMBERS =
      (1 << Character.DECIMAL_DIGIT_NUMBER)
          | (1 << Character.LETTER_NUMBER)
          | (1 << Character.OTHER_NUMBER);

  /** The kind of each ASCII byte; -1 for bytes of multi-byte sequences. */
  private static final byte[] KINDS = new byte[256];

  static {
    for (int b = 0; b < 256; b++) {
      KINDS[b] = b < 0x80 ? kindOf(b) : -1;
    }
  }

  private Gpt2Scanner() {}

  /** Returns the end of the match that begins at {@code i < to}, in well-formed UTF-8. */
  static int next(byte[] b, int i, int to) {
    int first = b[i];
    if (first == '\'') {
      int length = contraction(b, i + 1, to);
      if (length > 0) {
        return i + 1 + length;
      }
    }
    if (first == ' ' && i + 1 < to) {
      int kind = kindAt(b, i + 1);
      if (kind != SPACE) {
        return run(b, i + 1, to, kind);
      }
    }
    int kind = kindAt(b, i);
    int end = run(b, i, to, kind);
    if (kind == SPACE && end < to) {
      // \s+(?!\S) matches all but the last, which starts the next match; \s+ matches a lone one
      int last = Utf8.previous(b, end);
      return last > i ? last : end;
    }
    return end;
  }

  /** Returns the length of 's 't 're 've 'm 'll 'd without the apostrophe, or 0. */
  private static int contraction(byte[] b, int i, int to) {
    if (i == to) {
      return 0;
    }
    int second = i + 1 < to ? b[i + 1] : 0;
    return switch (b[i]) {
      case 's', 't', 'm', 'd' -> 1;
      case 'r', 'v' -> second == 'e' ? 2 : 0;
      case 'l' -> second == 'l' ? 2 : 0;
      default -> 0;
    };
  }

  private static int run(byte[] b, int i, int to, int kind) {
    while (i < to) {
      int k = KINDS[b[i] & 0xFF];
      if (k >= 0) {
        if (k != kind) {
          return i;
        }
        i++;
      } else {
        if (kindOf(Utf8.codePoint(b, i)) != kind) {
          return i;
        }
        i += Utf8.length(b[i]);
      }
    }
    return i;
  }

  private static int kindAt(byte[] b, int i) {
    int k = KINDS[b[i] & 0xFF];
    return k >= 0 ? k : kindOf(Utf8.codePoint(b, i));
  }

  private static byte kindOf(int codePoint) {
    int type = 1 << Character.getType(codePoint);
    if ((type & LETTERS) != 0) {
      return LETTER;
    }
    if ((type & NUMBERS) != 0) {
      return NUMBER;
    }
    return isWhiteSpace(codePoint) ? SPACE : OTHER;
  }

  /** Returns the Unicode property White_Space, for which {@link Character} has no method. */
  static boolean isWhiteSpace(int c) {
    return c == ' '
        || (c >= '\t' && c <= '\r')
        || c == 0x85
        || c == 0xA0
        || c == 0x1680
        || (c >= 0x2000 && c <= 0x200A)
        || c == 0x2028
        || c == 0x2029
        || c == 0x202F
        || c == 0x205F
        || c == 0x3000;
  }
}
