package org.tokenformer.cli;

import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFraction;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A number of parameter tokens to keep: absolute, or a fraction of the present number.
 *
 * @param number the absolute number, if no fraction is given
 */
record TokenCount(String text, @Nullable TokenFraction fraction, int number) {
  /** Parses {@code N} or {@code P%}; a number or percentage of 0 is rejected. */
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
            "'"
                + text
                + "' is neither a number of parameter tokens nor a percentage above 0% and at most"
                + " 100%, such as 75%");
      }
    }
  }

  /**
   * Returns the number of tokens, from 1 to {@code present}; fractions are rounded up.
   *
   * @param option the option, for the error message
   */
  int of(int present, String option) {
    if (fraction != null) {
      return fraction.of(present);
    }
    if (number > present) {
      throw new UserError(
          "%s: %s is more than the %d parameter tokens that a layer has"
              .formatted(option, text, present));
    }
    return number;
  }
}
