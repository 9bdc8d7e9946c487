package org.tokenformer.cli.console;

import java.util.Locale;

/** Formats numbers for humans: about three digits, and a decimal point in all locales. */
public final class Amount {
  private Amount() {}

  /** Formats bytes as {@code 1234 B} or {@code 29.4 MB}; a megabyte is a million bytes. */
  public static String bytes(long bytes) {
    return scaled(bytes, " ") + "B";
  }

  /** Formats a count as {@code 1234} or {@code 7.3M}. */
  public static String count(long units) {
    return scaled(units, "");
  }

  /** Formats a number with a fixed number of decimals. */
  public static String decimal(double value, int decimals) {
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** Formats a number with three significant digits, or more if its integer part is longer. */
  public static String rate(double value) {
    return decimal(value, value < 10 ? 2 : value < 100 ? 1 : 0);
  }

  /** Formats a duration as {@code 9.5 s}, {@code 12 min 3 s} or {@code 1 h 6 min}. */
  public static String duration(double seconds) {
    if (seconds < 10) {
      return decimal(seconds, 1) + " s";
    }
    long whole = Math.round(seconds);
    if (whole < 60) {
      return whole + " s";
    }
    if (whole < 3600) {
      return whole / 60 + " min " + whole % 60 + " s";
    }
    return whole / 3600 + " h " + whole / 60 % 60 + " min";
  }

  private static String scaled(long units, String gap) {
    if (units < 10_000) {
      return units + gap;
    }
    if (units < 1_000_000) {
      return decimal(units / 1e3, 1) + gap + "k";
    }
    if (units < 1_000_000_000) {
      return decimal(units / 1e6, 1) + gap + "M";
    }
    return decimal(units / 1e9, 2) + gap + "G";
  }
}
