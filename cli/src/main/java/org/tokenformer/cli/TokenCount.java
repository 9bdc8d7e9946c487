package org.tokenformer.cli;

import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFraction;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * How many parameter tokens of those that there are: a number, or a share of them.
 *
 * @param number of them, where no fraction is given
 */
record TokenCount(String text, @Nullable TokenFraction fraction, int number) {
  /** Reads {@code N} or {@code P%}; nothing is neither. */
  static final class Converter implements ITypeConverter<TokenCount> {
    @Override
    public TokenCount convert(String text) {
      if (text.matches("\\d{1,9}")) {
        int number = Integer.parseInt(text);
        if (number == 0) {
          throw new TypeConversionException("'" + text + "' leaves no parameter token");
        }
        return new TokenCount(text, null, number);
      }
      try {
        return new TokenCount(text, TokenFraction.parse(text), 0);
      } catch (ConfigException e) {
        throw new TypeConversionException(
            "'" + text + "' is neither a number nor a share above 0% and up to 100%, as 75%");
      }
    }
  }

  /**
   * A number from 1 to {@code whole}; shares are rounded up.
   *
   * @param option names it in the error
   */
  int of(int whole, String option) {
    if (fraction != null) {
      return fraction.of(whole);
    }
    if (number > whole) {
      throw new UserError(
          "%s: %s is more than the %d parameter tokens that the model has there"
              .formatted(option, text, whole));
    }
    return number;
  }
}
