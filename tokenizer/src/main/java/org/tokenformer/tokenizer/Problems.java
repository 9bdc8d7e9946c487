package org.tokenformer.tokenizer;

import java.io.EOFException;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Creates exceptions with one-line messages about one file. */
record Problems(String file) {
  private static final int MAX_QUOTED = 60;

  /** What the parser's messages begin with, and what it is called here. */
  private static final Map<String, String> JSON_WORDS =
      Map.of(
          "Unterminated string", "unterminated string",
          "Unterminated escape", "invalid escape sequence",
          "Malformed Unicode escape", "invalid escape sequence",
          "Invalid escape", "invalid escape sequence",
          "Unescaped control", "unescaped control character",
          "Unpaired surrogate", "unpaired surrogate",
          "JSON forbids", "not a finite number",
          "Nesting limit", "too many levels");

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
   * Says what is wrong with JSON, given an exception of its parser, whose own messages are for
   * programmers.
   */
  static String json(Exception e) {
    String message = String.valueOf(e.getMessage());
    Matcher position = POSITION.matcher(message);
    return what(e, message) + (position.find() ? position.group() : "");
  }

  private static String what(Exception e, String message) {
    if (e instanceof EOFException) {
      return "it ends too early";
    }
    if (e instanceof NumberFormatException) {
      return "not a whole number";
    }
    if (e instanceof IllegalStateException) {
      return "a value of another type is expected";
    }
    return JSON_WORDS.entrySet().stream()
        .filter(word -> message.startsWith(word.getKey()))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElse("unexpected character");
  }
}
