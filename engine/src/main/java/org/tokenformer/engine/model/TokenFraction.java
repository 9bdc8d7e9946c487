package org.tokenformer.engine.model;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The fraction of each Pattention's parameter tokens that is computed with: a prefix, rounded up to
 * whole tokens.
 *
 * @param percent above 0 and at most 100; decimal, so that 55% of 100 is exactly 55
 */
public record TokenFraction(BigDecimal percent) {
  private static final BigDecimal HUNDRED = BigDecimal.valueOf(100);

  /** All tokens. */
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
   * Parses {@code 50%} or {@code 12.5%}.
   *
   * @throws ConfigException if the text is not such a percentage
   */
  public static TokenFraction parse(String text) {
    Matcher matcher = TEXT.matcher(text);
    if (!matcher.matches()) {
      throw ConfigException.notAllowed(FIELD, quote(text), "a percentage such as 50%");
    }
    return new TokenFraction(new BigDecimal(matcher.group(1)));
  }

  /** Returns whether all tokens are used. */
  public boolean isAll() {
    return equals(ALL);
  }

  /** Returns this fraction of {@code count}, rounded up. */
  public int of(int count) {
    BigDecimal part = percent.multiply(BigDecimal.valueOf(count));
    return part.divide(HUNDRED, 0, RoundingMode.CEILING).intValueExact();
  }

  /** Returns the form that {@link #parse} reads. */
  @Override
  public String toString() {
    return percent.toPlainString() + "%";
  }
}
