package org.tokenformer.tokenizer;

import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Parts a text by a pattern of the file, matches and what lies between alike (HF: {@code Split}
 * with behaviour {@code Isolated}). For one thread at a time.
 */
final class RegexSplitter {
  /**
   * Characters that the matcher may look at for each character of the text. An honest pattern looks
   * at a few; one made to hang the program is stopped.
   */
  private static final int LOOKS = 2000;

  private final Matcher matcher;

  /** A splitter for a pattern that {@link PatternSyntax} has let through. */
  RegexSplitter(String pattern) {
    matcher = compile(pattern).matcher("");
  }

  /** The pattern for java.util.regex. */
  static Pattern compile(String pattern) {
    return Pattern.compile(pattern, Pattern.UNICODE_CHARACTER_CLASS);
  }

  /**
   * Hands over the parts in order, none of them empty.
   *
   * @throws IllegalArgumentException if the pattern takes too long on this text
   */
  void split(String text, Consumer<String> sink) {
    matcher.reset(new Counted(text, 10_000L + (long) LOOKS * text.length()));
    int done = 0;
    while (matcher.find()) {
      if (done < matcher.start()) {
        sink.accept(text.substring(done, matcher.start()));
      }
      sink.accept(text.substring(matcher.start(), matcher.end()));
      done = matcher.end();
    }
    if (done < text.length()) {
      sink.accept(text.substring(done));
    }
  }

  /** A text that counts how often it is looked at. */
  private static final class Counted implements CharSequence {
    private final String text;
    private long left;

    Counted(String text, long looks) {
      this.text = text;
      this.left = looks;
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public char charAt(int index) {
      if (--left < 0) {
        throw new IllegalArgumentException(
            "the tokenizer's pattern takes too long on this text of "
                + text.length()
                + " characters");
      }
      return text.charAt(index);
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.substring(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
