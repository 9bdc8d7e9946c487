package org.tokenformer.cli;

import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.tokenizer.TextFiles;
import org.tokenformer.tokenizer.TextKindException;
import org.tokenformer.tokenizer.TextRules;
import org.tokenformer.tokenizer.TextRules.Content;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options of the commands that read plain text. */
final class TextOptions {
  private static final String PLAIN = "--plain-text";

  @Option(
      names = PLAIN,
      description =
          "Read every UTF-8 file as plain text. By default, files that look like another kind, such"
              + " as JSON, CSV or HTML, are refused.")
  private boolean plain;

  @Mixin private LineEndOption lineEnds = new LineEndOption();

  /** Returns the texts of the command. */
  TextFiles files(Console console) {
    return LineEndOption.files(console, rules());
  }

  /** Returns the rules by which the command reads texts. */
  TextRules rules() {
    return lineEnds.rules(plain ? Content.ANYTHING : Content.PROSE);
  }

  /**
   * Returns the message for a file that is not plain text.
   *
   * @param command the command that read it; null if unknown
   */
  static String message(TextKindException e, @Nullable CommandLine command) {
    boolean hasOption = command != null && command.getCommandSpec().findOption(PLAIN) != null;
    return e.getMessage()
        + (e.isReadable() && hasOption ? "; " + PLAIN + " reads it as it is" : "");
  }
}
