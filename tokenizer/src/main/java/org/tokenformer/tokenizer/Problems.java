package org.tokenformer.tokenizer;

import java.io.EOFException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Creates exceptions with one-line messages about one file. */
record Problems(String file) {
  private static final int MAX_QUOTED = 60;

  private static final Pattern POSITION = Pattern.compile(" at line \\d+ column \\d+");

  TokenizerException of(String what) {
    return new TokenizerException(file + ": " + what);
  }

  TokenizerException of(String what, Throwable cause) {
    return new TokenizerException(file + ": " + what, cause);
  }

  /** Quotes a value of the file for a message: shortened, and without control characters. */
  static String quote(String value) {
    String text = shortened(value);
    int end = Math.min(text.length(), MAX_QUOTED);
    return '"' + text.substring(0, end) + '"' + text.substring(end);
  }

  /** Returns a value of the file for a message: shortened, and without control characters. */
  static String shortened(String value) {
    StringBuilder text = new StringBuilder();
    int end = Math.min(value.length(), MAX_QUOTED);
    for (int i = 0; i < end; i++) {
      char c = value.charAt(i);
      text.append(Character.isISOControl(c) || Character.isSurrogate(c) ? '?' : c);
    }
    return text.append(end < value.length() ? "…" : "").toString();
  }

  /**
   * Says what is wrong with JSON, given an exception of its parser. The parser's own messages are
   * for programmers and quote the file; only the position is taken from them.
   */
  static String json(Exception e) {
    if (e instanceof EOFException) {
      return "it ends too early";
    }
    String message = String.valueOf(e.getMessage());
    String what =
        e instanceof NumberFormatException
            ? "not a whole number"
            : e instanceof IllegalStateException
                ? "a value of another type is expected"
                : message.startsWith("Nesting limit") ? "too many levels" : "unexpected character";
    Matcher position = POSITION.matcher(message);
    return position.find() ? what + position.group() : what;
  }
}
