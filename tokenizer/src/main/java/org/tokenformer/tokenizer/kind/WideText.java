package org.tokenformer.tokenizer.kind;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CoderResult;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Recognises UTF-16 and UTF-32 without a byte-order mark. They encode spaces and line ends with NUL
 * bytes, which UTF-8 text does not have.
 */
final class WideText {
  /** In UTF-16, at least one character of this many has a NUL byte, if only the spaces have. */
  private static final int RAREST = 40;

  private static final int LOOKED_AT = 1 << 12;

  private WideText() {}

  /** Returns the name of the encoding, or null. */
  static @Nullable String charset(byte[] head, int length) {
    int n = Math.min(length, LOOKED_AT) & (length < 4 ? ~1 : ~3);
    int[] zeros = new int[2];
    for (int i = 0; i < n; i++) {
      zeros[i & 1] += head[i] == 0 ? 1 : 0;
    }
    int most = Math.max(zeros[0], zeros[1]);
    if (most == 0 || most * RAREST < n / 2) {
      return null;
    }
    String wide = zeros[1] > zeros[0] ? "UTF-16LE" : "UTF-16BE";
    return Stream.of("UTF-32LE", "UTF-32BE", wide)
        .filter(name -> isText(head, n, Charset.forName(name)))
        .findFirst()
        .orElse(null);
  }

  /** Returns whether the bytes are text in an encoding: valid, and without control characters. */
  private static boolean isText(byte[] head, int length, Charset charset) {
    CharBuffer text = CharBuffer.allocate(length);
    CoderResult result = charset.newDecoder().decode(ByteBuffer.wrap(head, 0, length), text, false);
    return !result.isError()
        && text.flip().hasRemaining()
        && text.codePoints().allMatch(c -> Character.isDefined(c) && !isControl(c));
  }

  private static boolean isControl(int c) {
    return Character.isISOControl(c) && !(c >= '\t' && c <= '\r');
  }
}
