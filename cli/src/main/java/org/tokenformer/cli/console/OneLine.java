package org.tokenformer.cli.console;

/**
 * Escapes the text of a message, so that user input and file content cannot break the line or
 * control the terminal.
 */
public final class OneLine {
  private static final int MAX_LENGTH = 2000;

  private OneLine() {}

  /**
   * Returns the text with control characters escaped, cut after {@value #MAX_LENGTH} characters.
   */
  public static String of(String text) {
    var line = new StringBuilder();
    for (int i = 0; i < text.length() && line.length() < MAX_LENGTH; i++) {
      char c = text.charAt(i);
      switch (c) {
        case '\n' -> line.append("\\n");
        case '\r' -> line.append("\\r");
        case '\t' -> line.append("\\t");
        default -> {
          if (Character.isISOControl(c)) {
            line.append(String.format("\\u%04x", (int) c));
          } else {
            line.append(c);
          }
        }
      }
    }
    return line.length() < MAX_LENGTH ? line.toString() : line.append('…').toString();
  }
}
