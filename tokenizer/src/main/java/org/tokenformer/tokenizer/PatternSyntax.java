package org.tokenformer.tokenizer;

import org.jspecify.annotations.Nullable;

/**
 * Checks that a pattern of a tokenizer file means the same in java.util.regex as in Oniguruma,
 * which HF tokenizers uses, that it cannot match the empty string, and that it cannot backtrack
 * deeply. Supported are:
 *
 * <ul>
 *   <li>literals, {@code \r \n \t}, escaped punctuation, {@code \s \S \d \D}, general categories
 *       such as {@code \p{L}} or {@code \P{Lu}};
 *   <li>classes of these and of ranges, optionally negated, without nesting or intersections;
 *   <li>{@code ? * +} greedy, lazy or possessive, {@code {n}} and {@code {n,m}}, on any of these;
 *   <li>groups {@code (…) (?:…) (?i:…)}, with no quantifier except {@code ?}; {@code (?i:…)} with
 *       ASCII only; look-aheads {@code (?=…) (?!…)}; alternatives.
 * </ul>
 *
 * <p>That covers the patterns of GPT-2, GPT-4, Llama 3 and Qwen. Constructs that differ between the
 * two engines, such as {@code . \w \h \b ^ $}, are not supported.
 */
final class PatternSyntax {
  private static final int MAX_LENGTH = 4096;
  private static final int MAX_DEPTH = 16;
  private static final int MAX_REPEAT = 1000;

  /** Returned for an escape that matches a set of characters, such as {@code \s}. */
  private static final int SET = -1;

  private final String pattern;
  private int at;
  private int depth;
  private boolean anyCase;

  private PatternSyntax(String pattern) {
    this.pattern = pattern;
  }

  /** Returns what in the pattern is not supported, or null. */
  static @Nullable String problem(String pattern) {
    if (pattern.length() > MAX_LENGTH) {
      return "it is longer than " + MAX_LENGTH + " characters";
    }
    try {
      PatternSyntax syntax = new PatternSyntax(pattern);
      boolean empty = syntax.alternatives();
      if (syntax.at < pattern.length()) {
        return "the unmatched ')' at " + syntax.at + " is not supported";
      }
      return empty ? "it can match the empty string" : null;
    } catch (Unsupported e) {
      return e.getMessage();
    }
  }

  /** Parses alternatives up to ')' or the end; returns whether they can match the empty string. */
  private boolean alternatives() throws Unsupported {
    if (++depth > MAX_DEPTH) {
      throw new Unsupported("nesting groups deeper than " + MAX_DEPTH);
    }
    boolean empty = sequence();
    while (peek('|')) {
      at++;
      empty |= sequence();
    }
    depth--;
    return empty;
  }

  private boolean sequence() throws Unsupported {
    boolean empty = true;
    while (at < pattern.length() && !peek('|') && !peek(')')) {
      empty &= piece();
    }
    return empty;
  }

  /** Parses an atom and its quantifier; returns whether it can match the empty string. */
  private boolean piece() throws Unsupported {
    int start = at;
    if (peek('(')) {
      boolean look = pattern.startsWith("(?=", at) || pattern.startsWith("(?!", at);
      boolean empty = group();
      if (peek('?') && !look) {
        at++;
        empty = true;
      }
      if (peek('?') || peek('*') || peek('+') || peek('{')) {
        throw new Unsupported("a quantifier other than a single '?' on the group at " + start);
      }
      return empty;
    }
    if (peek('[')) {
      characterClass();
    } else {
      character(false);
    }
    return quantifier();
  }

  private boolean group() throws Unsupported {
    int start = at++;
    boolean look = false;
    boolean outer = anyCase;
    if (peek('?')) {
      String kind = pattern.substring(at, Math.min(at + 3, pattern.length()));
      if (kind.startsWith("?:")) {
        at += 2;
      } else if (kind.startsWith("?=") || kind.startsWith("?!")) {
        at += 2;
        look = true;
      } else if (kind.equals("?i:")) {
        at += 3;
        anyCase = true;
      } else {
        throw new Unsupported("the group " + Problems.quote("(" + kind) + " at " + start);
      }
    }
    boolean empty = alternatives();
    if (!peek(')')) {
      throw new Unsupported("the unclosed group at " + start);
    }
    at++;
    anyCase = outer;
    return empty || look;
  }

  /** Parses an optional quantifier; returns whether it allows zero repetitions. */
  private boolean quantifier() throws Unsupported {
    if (peek('{')) {
      return repeat();
    }
    boolean empty = peek('?') || peek('*');
    if (empty || peek('+')) {
      at++;
      if (peek('?') || peek('+')) { // lazy, possessive
        at++;
      }
      if (peek('?') || peek('*') || peek('+') || peek('{')) {
        throw new Unsupported("the second quantifier at " + at);
      }
    }
    return empty;
  }

  private boolean repeat() throws Unsupported {
    int start = at++;
    int low = number(start);
    int high = low;
    if (peek(',')) {
      at++;
      high = peek('}') ? MAX_REPEAT : number(start);
    }
    if (!peek('}') || low > high) {
      throw new Unsupported("the quantifier at " + start);
    }
    at++;
    // Possessive in Java, but a second quantifier in Oniguruma.
    if (peek('?') || peek('*') || peek('+') || peek('{')) {
      throw new Unsupported("the second quantifier at " + at);
    }
    return low == 0;
  }

  private int number(int start) throws Unsupported {
    int value = 0;
    int from = at;
    while (at < pattern.length() && pattern.charAt(at) >= '0' && pattern.charAt(at) <= '9') {
      value = 10 * value + pattern.charAt(at++) - '0';
      if (value > MAX_REPEAT) {
        throw new Unsupported("a repetition above " + MAX_REPEAT + " at " + start);
      }
    }
    if (from == at) {
      throw new Unsupported("the quantifier at " + start);
    }
    return value;
  }

  private void characterClass() throws Unsupported {
    int start = at++;
    if (peek('^')) {
      if (anyCase) {
        throw new Unsupported("the negated class within (?i:) at " + start);
      }
      at++;
    }
    if (peek(']')) {
      throw new Unsupported("']' at the start of the class at " + start);
    }
    while (!peek(']')) {
      if (at >= pattern.length()) {
        throw new Unsupported("the unclosed class at " + start);
      }
      int low = character(true);
      if (peek('-') && !pattern.startsWith("]", at + 1)) {
        at++;
        if (low == SET || peek(']') || character(true) < low) {
          throw new Unsupported("the range that ends at " + at);
        }
      }
    }
    at++;
  }

  /** Parses a literal or escape; returns its code point, or {@link #SET}, which is below all. */
  private int character(boolean inClass) throws Unsupported {
    if (at >= pattern.length()) {
      throw new Unsupported("the incomplete range at " + at);
    }
    int c = pattern.codePointAt(at);
    if (c == '\\') {
      return escape();
    }
    String meta = inClass ? "[" : ".^$*+?{}[]()|";
    boolean intersection = inClass && pattern.startsWith("&&", at);
    if (intersection || (c < 0x80 && meta.indexOf(c) >= 0) || (c >= 0xD800 && c <= 0xDFFF)) {
      throw new Unsupported(Problems.quote(Character.toString(c)) + " at " + at);
    }
    if (anyCase && c >= 0x80) {
      throw new Unsupported("the non-ASCII character within (?i:) at " + at);
    }
    at += Character.charCount(c);
    return c;
  }

  private int escape() throws Unsupported {
    int start = at;
    char c = at + 1 < pattern.length() ? pattern.charAt(at + 1) : 0;
    at += 2;
    if (c > ' ' && c < 0x7F && !Character.isLetterOrDigit(c)) {
      return c;
    }
    switch (c) {
      case 'r' -> {
        return '\r';
      }
      case 'n' -> {
        return '\n';
      }
      case 't' -> {
        return '\t';
      }
      case 's', 'S', 'd', 'D' -> {
        return SET;
      }
      default -> {} // checked below
    }
    int close = pattern.indexOf('}', start);
    if ((c == 'p' || c == 'P') && close > 0 && !anyCase) {
      String name = pattern.substring(start + 2, close);
      if (name.matches("\\{(L[ulmto]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?)")) {
        at = close + 1;
        return SET;
      }
    }
    throw new Unsupported(Problems.quote("\\" + c) + " at " + start);
  }

  private boolean peek(char c) {
    return at < pattern.length() && pattern.charAt(at) == c;
  }

  private static final class Unsupported extends Exception {
    private static final long serialVersionUID = 1L;

    Unsupported(String what) {
      super(what + " is not supported", null, false, false);
    }
  }
}
