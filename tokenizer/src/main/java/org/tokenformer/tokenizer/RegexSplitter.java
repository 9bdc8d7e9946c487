package org.tokenformer.tokenizer;

import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Splits a text by a pattern of the file into the matches and the parts between them, as HF's
 * {@code Split} does with behaviour {@code Isolated}. For one thread at a time.
 */
final class RegexSplitter {
  /**
   * The maximum number of character reads per character of the text. Ordinary patterns need a few;
   * the limit stops patterns that would hang the program.
   */
  private static final int MAX_READS = 2000;

  private final Matcher matcher;

  /** Creates a splitter for a pattern that {@link PatternSyntax} accepts. */
  RegexSplitter(String pattern) {
    matcher = compile(pattern).matcher("");
  }

  /** Compiles a pattern for java.util.regex. */
  static Pattern compile(String pattern) {
    return Pattern.compile(pattern, Pattern.UNICODE_CHARACTER_CLASS);
  }

  /**
   * Passes the parts to {@code sink} in order, none of them empty.
   *
   * @throws IllegalArgumentException if the pattern takes too long on this text
   */
  void split(String text, Consumer<String> sink) {
    matcher.reset(new Counted(text, 10_000L + (long) MAX_READS * text.length()));
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

  /** A text with a limit on the number of character reads. */
  private static final class Counted implements CharSequence {
    private final String text;
    private long left;

    Counted(String text, long reads) {
      this.text = text;
      this.left = reads;
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
