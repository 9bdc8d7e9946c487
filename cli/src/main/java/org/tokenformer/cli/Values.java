package org.tokenformer.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.function.Function;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.TypeConversionException;

/** Parses the values of options. Its messages speak of numbers and files, not of Java's types. */
final class Values {
  private static final Pattern WHOLE = Pattern.compile("[-+]?\\d+");
  private static final Pattern DECIMAL =
      Pattern.compile("[-+]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][-+]?\\d+)?|[-+]?(NaN|Infinity)");

  private Values() {}

  /** Makes a command and its sub-commands parse values by this class. */
  static void register(CommandLine tree) {
    tree.registerConverter(int.class, text -> whole(text, Integer::valueOf, Integer.MAX_VALUE));
    tree.registerConverter(Integer.class, text -> whole(text, Integer::valueOf, Integer.MAX_VALUE));
    tree.registerConverter(long.class, text -> whole(text, Long::valueOf, Long.MAX_VALUE));
    tree.registerConverter(Long.class, text -> whole(text, Long::valueOf, Long.MAX_VALUE));
    tree.registerConverter(double.class, Values::decimal);
    tree.registerConverter(Double.class, Values::decimal);
    tree.registerConverter(boolean.class, Values::truth);
    tree.registerConverter(Boolean.class, Values::truth);
    tree.registerConverter(Path.class, Values::path);
  }

  private static <T> T whole(String text, Function<String, T> parser, long max) {
    if (!WHOLE.matcher(text).matches()) {
      throw wrong(text, "is not a whole number");
    }
    try {
      return parser.apply(text);
    } catch (NumberFormatException e) {
      throw text.startsWith("-")
          ? wrong(text, "is too small; the minimum is " + (-max - 1))
          : wrong(text, "is too large; the maximum is " + max);
    }
  }

  private static Double decimal(String text) {
    if (DECIMAL.matcher(text).matches()) {
      return Double.valueOf(text);
    }
    String point = text.replace(',', '.');
    boolean comma = !point.equals(text) && DECIMAL.matcher(point).matches();
    throw wrong(text, "is not a number" + (comma ? "; write " + point : ""));
  }

  private static Boolean truth(String text) {
    return switch (text) {
      case "true" -> true;
      case "false" -> false;
      default -> throw wrong(text, "is neither true nor false");
    };
  }

  private static Path path(String text) {
    if (text.isEmpty()) {
      throw new TypeConversionException("the name is empty; give a file or folder");
    }
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw wrong(text, "is not a file name: " + e.getReason());
    }
  }

  private static TypeConversionException wrong(String text, String what) {
    return new TypeConversionException("'" + text + "' " + what);
  }
}
