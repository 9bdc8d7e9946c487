package org.tokenformer.engine.checkpoint;

import java.io.EOFException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Says in words for users what is wrong with JSON. */
public final class JsonSyntax {
  private static final Pattern POSITION = Pattern.compile(" at line \\d+ column \\d+");

  private JsonSyntax() {}

  /**
   * Returns what is wrong and where, given an exception of the JSON parser. Its own messages are
   * for programmers and quote the file; only the position is taken from them.
   */
  public static String problem(Exception e) {
    String message = String.valueOf(e.getMessage());
    Matcher position = POSITION.matcher(message);
    String where = position.find() ? position.group() : "";
    if (e instanceof EOFException) {
      return "it ends too early" + where;
    }
    if (e instanceof IllegalStateException) {
      return "a value of another type is expected" + where;
    }
    if (message.startsWith("JSON forbids")) {
      return "a number is too large" + where;
    }
    return (message.startsWith("Nesting limit") ? "too many levels" : "unexpected character")
        + where;
  }
}
