package org.tokenformer.cli;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.tokenizer.JsonRecord;
import org.tokenformer.tokenizer.TextFiles;
import org.tokenformer.tokenizer.TextLines;
import org.tokenformer.tokenizer.TextRules;
import org.tokenformer.tokenizer.TokenizerException;

/**
 * Reads JSON Lines: one object per line with the fields {@code text} and {@code ids}. Empty lines
 * are skipped. Errors name the input and the line.
 */
final class JsonLines {
  private static final int MAX_LINE_BYTES = 256 << 20;

  private static final Path STANDARD_INPUT = Path.of("-");

  private JsonLines() {}

  /**
   * One line.
   *
   * @param where input and line number, for messages
   * @param fields its fields
   */
  record Line(String where, JsonRecord fields) {
    /** Returns the text, which must be present. */
    String requireText() {
      if (fields.text() == null) {
        throw problem("has no field \"text\"");
      }
      return fields.text();
    }

    /** Returns the ids, which must be present. */
    int[] requireIds() {
      if (fields.ids() == null) {
        throw problem("has no field \"ids\"");
      }
      return fields.ids();
    }

    UserError problem(String what) {
      return new UserError(where + ": " + what);
    }
  }

  /** Computes the output line for an input line. */
  interface Answer {
    void write(Line line, JsonWriter out) throws IOException;
  }

  /**
   * Writes one output line for each line of the files, or of standard input if there are none.
   * After an error, the output so far is kept.
   */
  static void answer(Console console, List<Path> files, Answer answer) throws IOException {
    // Line ends are syntax here, so there is nothing to report about them.
    TextFiles texts = new TextFiles(TextRules.ANY_SYNTAX, console.in(), (name, changes) -> {});
    List<Path> named = files.isEmpty() ? List.of(STANDARD_INPUT) : files;
    texts.check(named);
    for (Path file : named) {
      try (TextLines lines = texts.open(file)) {
        answer(console, lines, answer);
      }
    }
  }

  private static void answer(Console console, TextLines lines, Answer answer) throws IOException {
    for (String json = lines.readLine(MAX_LINE_BYTES);
        json != null;
        json = lines.readLine(MAX_LINE_BYTES)) {
      if (json.isBlank()) {
        continue;
      }
      Line line = parse(lines.name() + ": line " + lines.lines(), json);
      var text = new StringWriter();
      var writer = new JsonWriter(text);
      writer.setHtmlSafe(false);
      answer.write(line, writer);
      console.out().println(text.toString());
      if (lines.waits()) {
        console.out().flush(); // for callers that wait for each answer
      }
    }
  }

  private static Line parse(String where, String json) {
    try {
      return new Line(where, JsonRecord.parse(json));
    } catch (TokenizerException e) {
      throw new UserError(where + ": " + e.getMessage(), e);
    }
  }

  static void writeIds(JsonWriter out, int[] ids) throws IOException {
    out.name("ids").beginArray();
    for (int id : ids) {
      out.value(id);
    }
    out.endArray();
  }
}
