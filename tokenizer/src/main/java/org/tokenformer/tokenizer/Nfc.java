package org.tokenformer.tokenizer;

import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Normalisation form C as in HF tokenizers, which uses the tables of Unicode 9. Newer characters
 * that Java's tables would reorder or compose are left unchanged there, so they are left unchanged
 * here too. All others give the same result in both, since NFC is stable across Unicode versions by
 * definition.
 */
final class Nfc {
  /** Ranges (first and last code point, ascending) of the newer characters left unchanged. */
  private static final int[] NEWER = {
    0x07FD, 0x07FD, 0x0897, 0x089F, 0x08CA, 0x08D3, 0x09FE, 0x09FE,
    0x0C3C, 0x0C3C, 0x0D3B, 0x0D3C, 0x0EBA, 0x0EBA, 0x1715, 0x1715,
    0x1ABF, 0x1ACE, 0x1DF6, 0x1DFA, 0xA82C, 0xA82C, 0x105C9, 0x105C9,
    0x105D2, 0x105D2, 0x105DA, 0x105DA, 0x105E4, 0x105E4, 0x10D24, 0x10D27,
    0x10D69, 0x10D6D, 0x10EAB, 0x10EAC, 0x10EFD, 0x10EFF, 0x10F46, 0x10F50,
    0x10F82, 0x10F85, 0x11070, 0x11070, 0x1133B, 0x1133B, 0x11382, 0x11385,
    0x1138B, 0x1138B, 0x1138E, 0x1138E, 0x11390, 0x11391, 0x113B8, 0x113B8,
    0x113BB, 0x113BB, 0x113C2, 0x113C2, 0x113C5, 0x113C5, 0x113C7, 0x113C9,
    0x113CE, 0x113D0, 0x1145E, 0x1145E, 0x11839, 0x1183A, 0x11930, 0x11930,
    0x11935, 0x11935, 0x11938, 0x11938, 0x1193D, 0x1193E, 0x11943, 0x11943,
    0x119E0, 0x119E0, 0x11A34, 0x11A34, 0x11A47, 0x11A47, 0x11A99, 0x11A99,
    0x11D42, 0x11D42, 0x11D44, 0x11D45, 0x11D97, 0x11D97, 0x11F41, 0x11F42,
    0x1611E, 0x16129, 0x1612F, 0x1612F, 0x16D63, 0x16D63, 0x16D67, 0x16D6A,
    0x16FF0, 0x16FF1, 0x1E08F, 0x1E08F, 0x1E130, 0x1E136, 0x1E2AE, 0x1E2AE,
    0x1E2EC, 0x1E2EF, 0x1E4EC, 0x1E4EF, 0x1E5EE, 0x1E5EF,
  };

  /** Text in which all characters are below this one is already in NFC. */
  private static final char FIRST = 0x300;

  /** The UTF-8 of {@link #FIRST} and above starts with this byte or a higher one. */
  private static final int FIRST_BYTE = 0xCC;

  private Nfc() {}

  /** Normalises well-formed UTF-8 {@code b[from, to)}; returns null if it is already normalised. */
  static @Nullable String normalize(byte[] b, int from, int to) {
    for (int i = from; i < to; i++) {
      if ((b[i] & 0xFF) >= FIRST_BYTE) {
        String text = new String(b, from, to - from, StandardCharsets.UTF_8);
        String normal = normalize(text);
        return normal.equals(text) ? null : normal;
      }
    }
    return null;
  }

  static String normalize(String text) {
    // Loading Java's tables takes 15 ms, so only texts that need them do.
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) >= FIRST) {
        return normalizeAny(text);
      }
    }
    return text;
  }

  private static String normalizeAny(String text) {
    StringBuilder parts = null;
    int start = 0;
    for (int i = 0; i < text.length(); ) {
      int codePoint = text.codePointAt(i);
      int next = i + Character.charCount(codePoint);
      if (codePoint >= NEWER[0] && isNewer(codePoint)) {
        parts = parts == null ? new StringBuilder(text.length()) : parts;
        parts.append(java(text.substring(start, i))).append(text, i, next);
        start = next;
      }
      i = next;
    }
    return parts == null ? java(text) : parts.append(java(text.substring(start))).toString();
  }

  private static String java(String text) {
    return Normalizer.normalize(text, Normalizer.Form.NFC);
  }

  private static boolean isNewer(int codePoint) {
    int at = Arrays.binarySearch(NEWER, codePoint);
    // found, or between the first (even index) and the last code point of a range
    return at >= 0 || (-at - 1) % 2 == 1;
  }
}
