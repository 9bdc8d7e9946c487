package org.tokenformer.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The 256 printable characters that represent bytes in byte-level BPE (GPT-2, {@code
 * bytes_to_unicode}). Printable Latin-1 characters represent themselves; the other 68 bytes are
 * assigned U+0100 onwards in byte order.
 */
final class ByteAlphabet {
  /** One past the last character of the alphabet. */
  private static final int END = 0x100 + 68;

  private static final char[] CHAR_OF_BYTE = new char[256];
  private static final short[] BYTE_OF_CHAR = new short[END];

  static {
    Arrays.fill(BYTE_OF_CHAR, (short) -1);
    char next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b != 0xAD);
      CHAR_OF_BYTE[b] = printable ? (char) b : next++;
      BYTE_OF_CHAR[CHAR_OF_BYTE[b]] = (short) b;
    }
  }

  private ByteAlphabet() {}

  /** Returns the byte that a character stands for, or -1 for a character outside the alphabet. */
  static int byteOf(char c) {
    return c < END ? BYTE_OF_CHAR[c] : -1;
  }

  /** Returns the character that stands for a byte, given as 0 to 255. */
  static char charOf(int b) {
    return CHAR_OF_BYTE[b];
  }

  /**
   * Writes the bytes that a token's characters stand for.
   *
   * @param into a buffer of at least {@code at + token.length()} bytes
   * @return false, with {@code into} in an unspecified state, if a character is outside the
   *     alphabet
   */
  static boolean toBytes(String token, byte[] into, int at) {
    for (int i = 0; i < token.length(); i++) {
      int b = byteOf(token.charAt(i));
      if (b < 0) {
        return false;
      }
      into[at + i] = (byte) b;
    }
    return true;
  }

  /**
   * Returns the bytes that a token decodes to: those that its characters stand for, or its UTF-8 if
   * a character is outside the alphabet, as in HF's ByteLevel decoder.
   */
  static byte[] decoded(String token) {
    byte[] bytes = new byte[token.length()];
    return toBytes(token, bytes, 0) ? bytes : token.getBytes(StandardCharsets.UTF_8);
  }

  /** Returns the token that stands for {@code bytes[from, to)}. */
  static String toToken(byte[] bytes, int from, int to) {
    char[] chars = new char[to - from];
    for (int i = from; i < to; i++) {
      chars[i - from] = CHAR_OF_BYTE[bytes[i] & 0xFF];
    }
    return new String(chars);
  }
}
