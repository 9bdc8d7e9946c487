package org.tokenformer.engine.model;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How many parameter tokens of each Pattention are computed with: the first of them, a share of
 * their number that is rounded up.
 *
 * @param percent above 0 and at most 100; exact, so that 55 % of 100 are 55
 */
public record TokenFraction(BigDecimal percent) {
  private static final BigDecimal HUNDRED = BigDecimal.valueOf(100);

  /** All of them. */
  public static final TokenFraction ALL = new TokenFraction(HUNDRED);

  private static final String FIELD = "tokens";
  private static final Pattern TEXT = Pattern.compile("(\\d{1,9}(?:\\.\\d{1,9})?)%");

  /** Checks the number. */
  public TokenFraction {
    if (percent.signum() <= 0 || percent.compareTo(HUNDRED) > 0) {
      throw ConfigException.notAllowed(
          FIELD, percent.toPlainString() + "%", "above 0% and at most 100%");
    }
    percent = percent.stripTrailingZeros();
  }

  /**
   * Reads {@code 50%} or {@code 12.5%}.
   *
   * @throws ConfigException if it is none
   */
  public static TokenFraction parse(String text) {
    Matcher matcher = TEXT.matcher(text);
    if (!matcher.matches()) {
      throw ConfigException.notAllowed(FIELD, quote(text), "a share of the tokens, as 50%");
    }
    return new TokenFraction(new BigDecimal(matcher.group(1)));
  }

  /** Whether none is left out. */
  public boolean isAll() {
    return equals(ALL);
  }

  /** That share of so many, at least one. */
  public int of(int count) {
    BigDecimal part = percent.multiply(BigDecimal.valueOf(count));
    return part.divide(HUNDRED, 0, RoundingMode.CEILING).intValueExact();
  }

  /** As {@link #parse} reads it. */
  @Override
  public String toString() {
    return percent.toPlainString() + "%";
  }
}
