package org.tokenformer.tokenizer;

/** Creates exceptions with one-line messages about one file. */
record Problems(String file) {
  private static final int MAX_QUOTED = 60;

  /** What gson tells programmers about a syntax error, before the position. */
  private static final String GSON_ADVICE =
      "Use JsonReader.setStrictness(Strictness.LENIENT) to accept malformed JSON";

  TokenizerException of(String what) {
    return new TokenizerException(file + ": " + what);
  }

  TokenizerException of(String what, Throwable cause) {
    return new TokenizerException(file + ": " + what, cause);
  }

  /** Quotes a value of the file for a message: shortened, and without control characters. */
  static String quote(String value) {
    StringBuilder text = new StringBuilder("\"");
    int end = Math.min(value.length(), MAX_QUOTED);
    for (int i = 0; i < end; i++) {
      char c = value.charAt(i);
      text.append(Character.isISOControl(c) || Character.isSurrogate(c) ? '?' : c);
    }
    return text.append(end < value.length() ? "\"…" : "\"").toString();
  }

  /** Returns the first line of an exception's message. */
  static String line(Throwable cause) {
    String message = cause.getMessage();
    return message == null
        ? "unexpected error"
        : message
            .lines()
            .findFirst()
            .orElse("unexpected error")
            .replace(GSON_ADVICE, "unexpected character");
  }
}
