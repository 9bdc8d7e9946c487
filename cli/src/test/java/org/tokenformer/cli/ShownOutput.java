package org.tokenformer.cli;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Output as a page shows it, compared with what a command printed. White space does not count,
 * since pages wrap long lines. {@code …} stands for anything, within a word or in place of words;
 * pages write it for what is measured. A decimal of at least three places, or one that {@code …}
 * cuts short, must be nearly equal, since processors round differently; everything else is equal.
 */
final class ShownOutput {
  private static final String ANYTHING = "…";

  /** Not within a version, such as 1.2.3. */
  private static final Pattern DECIMAL =
      Pattern.compile("(?<![\\d.])-?\\d++\\.\\d++(?:[eE]-?\\d++)?(?!\\.\\d)");

  private static final int MIN_PLACES = 3;
  private static final double RELATIVE_TOLERANCE = 0.002;

  private final List<String> shown;

  ShownOutput(List<String> lines) {
    shown = words(String.join("\n", lines));
  }

  private static List<String> words(String text) {
    return text.isBlank() ? List.of() : Arrays.asList(text.strip().split("\\s+"));
  }

  /** Returns whether all of the output is as shown. */
  boolean matches(String output) {
    return !shown.isEmpty() && matches(shown, words(output));
  }

  /** Returns whether the output ends as shown, for example after progress. */
  boolean endsAs(String output) {
    return !shown.isEmpty() && matches(prepend(ANYTHING, shown), words(output));
  }

  /** Returns whether the output contains what is shown. */
  boolean isWithin(String output) {
    List<String> open = new ArrayList<>(prepend(ANYTHING, shown));
    open.add(ANYTHING);
    return matches(open, words(output));
  }

  private static List<String> prepend(String word, List<String> words) {
    List<String> all = new ArrayList<>(List.of(word));
    all.addAll(words);
    return all;
  }

  /** Matches with wildcards: goes back to the last one when a word differs. */
  private static boolean matches(List<String> shown, List<String> actual) {
    int s = 0;
    int a = 0;
    int wildcard = -1;
    int resume = 0;
    while (a < actual.size()) {
      if (s < shown.size() && shown.get(s).equals(ANYTHING)) {
        wildcard = s++;
        resume = a;
      } else if (s < shown.size() && wordMatches(shown.get(s), actual.get(a))) {
        s++;
        a++;
      } else if (wildcard >= 0) {
        s = wildcard + 1;
        a = ++resume;
      } else {
        return false;
      }
    }
    while (s < shown.size() && shown.get(s).equals(ANYTHING)) {
      s++;
    }
    return s == shown.size();
  }

  private static boolean wordMatches(String word, String actual) {
    StringBuilder pattern = new StringBuilder();
    List<BigDecimal> expected = new ArrayList<>();
    Matcher number = DECIMAL.matcher(word);
    int end = 0;
    while (number.find()) {
      BigDecimal value = new BigDecimal(number.group());
      if (value.scale() >= MIN_PLACES || word.startsWith(ANYTHING, number.end())) {
        pattern.append(literal(word.substring(end, number.start()))).append("(" + DECIMAL + ")");
        expected.add(value);
        end = number.end();
      }
    }
    pattern.append(literal(word.substring(end)));
    Matcher matcher = Pattern.compile(pattern.toString(), Pattern.DOTALL).matcher(actual);
    if (!matcher.matches()) {
      return false;
    }
    for (int i = 0; i < expected.size(); i++) {
      if (!isNear(new BigDecimal(matcher.group(i + 1)), expected.get(i))) {
        return false;
      }
    }
    return true;
  }

  /** Returns a pattern of the text, in which {@link #ANYTHING} matches any characters. */
  private static String literal(String text) {
    StringBuilder pattern = new StringBuilder();
    for (String part : text.splitWithDelimiters(ANYTHING, 0)) {
      pattern.append(part.equals(ANYTHING) ? ".*" : Pattern.quote(part));
    }
    return pattern.toString();
  }

  /** Allows one unit of the last shown place more than the relative tolerance. */
  private static boolean isNear(BigDecimal actual, BigDecimal shown) {
    double tolerance =
        RELATIVE_TOLERANCE * Math.abs(shown.doubleValue()) + shown.ulp().doubleValue();
    return actual.subtract(shown).abs().doubleValue() <= tolerance;
  }
}
