package org.tokenformer.cli;

import java.util.ArrayList;
import java.util.List;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.tokenizer.TextFiles;
import org.tokenformer.tokenizer.TextLines.Changes;
import org.tokenformer.tokenizer.TextRules;
import picocli.CommandLine.Option;

/** The option for the line ends of texts, and what is said about changes of a text. */
final class LineEndOption {
  private static final String NAME = "--keep-line-ends";

  @Option(
      names = NAME,
      description =
          "Keep CRLF line ends in texts. By default, they become LF. A byte-order mark is always"
              + " dropped; a CR without LF is always kept.")
  private boolean keep;

  /** Returns the rules of a command that accepts this content. */
  TextRules rules(TextRules.Content content) {
    return new TextRules(content, keep);
  }

  /** Returns the texts of a command, which may be standard input; reports changes. */
  static TextFiles files(Console console, TextRules rules) {
    return new TextFiles(
        rules, console.in(), (name, changes) -> report(console, rules, name, changes));
  }

  private static void report(Console console, TextRules rules, String name, Changes changes) {
    List<String> notes = new ArrayList<>();
    if (changes.byteOrderMark()) {
      notes.add("the byte-order mark was dropped");
    }
    if (changes.lineEnds() > 0) {
      notes.add(
          "%s became LF; %s keeps them"
              .formatted(counted(changes.lineEnds(), "line end CRLF", "line ends CRLF"), NAME));
    }
    if (!notes.isEmpty()) {
      console.note("note: " + name + ": " + String.join("; ", notes));
    }
    if (changes.nuls() > 0) {
      console.warn(
          "%s: %s; remove them with tr -d '\\000'"
              .formatted(
                  name, counted(changes.nuls(), "NUL byte was kept", "NUL bytes were kept")));
    }
    if (changes.carriageReturns() > 0 && !rules.keepLineEnds()) {
      console.warn(
          "%s: %s without LF; if they end lines, replace them with tr '\\r' '\\n'"
              .formatted(
                  name,
                  counted(changes.carriageReturns(), "CR was kept", "CR characters were kept")));
    }
  }

  private static String counted(long count, String one, String many) {
    return Amount.count(count) + " " + (count == 1 ? one : many);
  }
}
