package org.tokenformer.engine.checkpoint;

import java.io.EOFException;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Says in words for users what is wrong with JSON. */
public final class JsonSyntax {
  /** What the parser's messages begin with, and what it is called here. */
  private static final Map<String, String> WORDS =
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

  private JsonSyntax() {}

  /**
   * Returns what is wrong and where, given an exception of the JSON parser, whose own messages are
   * for programmers.
   */
  public static String problem(Exception e) {
    String message = String.valueOf(e.getMessage());
    Matcher position = POSITION.matcher(message);
    return what(e, message) + (position.find() ? position.group() : "");
  }

  private static String what(Exception e, String message) {
    if (e instanceof EOFException) {
      return "it ends too early";
    }
    if (e instanceof IllegalStateException) {
      return "a value of another type is expected";
    }
    return WORDS.entrySet().stream()
        .filter(word -> message.startsWith(word.getKey()))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElse("unexpected character");
  }
}
