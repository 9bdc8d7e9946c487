package org.tokenformer.cli;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.tokenformer.cli.console.UserError;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** How many parameter tokens of those that there are: a number, or a share of them. */
record TokenCount(String text, double value, boolean percent) {
  private static final Pattern FORM = Pattern.compile("(\\d{1,9})|(\\d{1,3}(?:\\.\\d{1,9})?)\\s?%");

  /** Reads {@code N} or {@code P%}; nothing is neither. */
  static final class Converter implements ITypeConverter<TokenCount> {
    @Override
    public TokenCount convert(String text) {
      Matcher form = FORM.matcher(text);
      if (!form.matches()) {
        throw new TypeConversionException(
            "'" + text + "' is neither a number nor a share like 75%");
      }
      boolean percent = form.group(1) == null;
      double value = Double.parseDouble(percent ? form.group(2) : form.group(1));
      if (value == 0) {
        throw new TypeConversionException("'" + text + "' leaves no parameter token");
      }
      if (percent && value > 100) {
        throw new TypeConversionException("'" + text + "' is more than there are");
      }
      return new TokenCount(text, value, percent);
    }
  }

  /**
   * A number from 1 to {@code whole}.
   *
   * @param option names it in the error
   */
  int of(int whole, String option) {
    if (!percent && value > whole) {
      throw new UserError(
          "%s: %s is more than the %d parameter tokens that the model has there"
              .formatted(option, text, whole));
    }
    return percent ? (int) Math.max(1, Math.round(whole * value / 100)) : (int) value;
  }
}
