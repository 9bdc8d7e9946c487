package org.tokenformer.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Output as a page shows it, compared with what a command printed. White space does not count,
 * since pages wrap long lines. {@code …} stands for anything, within a word or in place of words.
 * Whole numbers must be equal and decimals nearly so, since processors round differently; measured
 * times and rates need only be plausible.
 */
final class ShownOutput {
  private static final String ANYTHING = "…";
  private static final Pattern DECIMAL = Pattern.compile("-?\\d+\\.\\d+(?:[eE]-?\\d+)?");
  private static final Pattern MEASURED_UNIT = Pattern.compile("m?s|min|(?:tok|[kMG]?B|GFLOP)/s");
  private static final double RELATIVE_TOLERANCE = 0.002;
  private static final double PLAUSIBLE_FACTOR = 1000;

  private final List<String> shown;

  ShownOutput(List<String> lines) {
    shown = words(String.join("\n", lines));
  }

  private static List<String> words(String text) {
    return text.isBlank() ? List.of() : Arrays.asList(text.strip().split("\\s+"));
  }

  /** Whether all of the output is as shown. */
  boolean matches(String output) {
    return !shown.isEmpty() && matches(shown, words(output));
  }

  /** Whether the output ends as shown; progress comes before. */
  boolean endsAs(String output) {
    return !shown.isEmpty() && matches(prepend(ANYTHING, shown), words(output));
  }

  /** Whether the output has what is shown in it. */
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
      } else if (s < shown.size() && wordMatches(shown, s, actual.get(a))) {
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

  private static boolean wordMatches(List<String> words, int index, String actual) {
    String word = words.get(index);
    boolean measured =
        index + 1 < words.size() && MEASURED_UNIT.matcher(words.get(index + 1)).lookingAt();
    StringBuilder pattern = new StringBuilder();
    List<Double> expected = new ArrayList<>();
    List<Integer> decimals = new ArrayList<>();
    Matcher number = DECIMAL.matcher(word);
    int end = 0;
    while (number.find()) {
      pattern.append(literal(word.substring(end, number.start()))).append("(" + DECIMAL + ")");
      expected.add(Double.valueOf(number.group()));
      decimals.add(number.group().length() - number.group().indexOf('.') - 1);
      end = number.end();
    }
    pattern.append(literal(word.substring(end)));
    Matcher matcher = Pattern.compile(pattern.toString(), Pattern.DOTALL).matcher(actual);
    return matcher.matches() && numbersMatch(matcher, expected, decimals, measured);
  }

  /** Words as they are, with any text for each {@link #ANYTHING}; it may cut a number short. */
  private static String literal(String text) {
    StringBuilder pattern = new StringBuilder();
    for (String part : text.splitWithDelimiters(ANYTHING, 0)) {
      pattern.append(part.equals(ANYTHING) ? ".*" : Pattern.quote(part));
    }
    return pattern.toString();
  }

  private static boolean numbersMatch(
      MatchResult numbers, List<Double> expected, List<Integer> decimals, boolean measured) {
    for (int i = 0; i < expected.size(); i++) {
      double actual = Double.parseDouble(numbers.group(i + 1));
      double shown = expected.get(i);
      double tolerance = RELATIVE_TOLERANCE * Math.abs(shown) + 2 * Math.pow(10, -decimals.get(i));
      boolean near = Math.abs(actual - shown) <= tolerance;
      boolean plausible = actual >= 0 && actual <= PLAUSIBLE_FACTOR * (shown + 1);
      if (measured ? !plausible : !near) {
        return false;
      }
    }
    return true;
  }
}
