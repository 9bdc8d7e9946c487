package org.tokenformer.cli;

import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.cli.console.Utf8Input;

/**
 * Reads JSON Lines: one object per line with the fields {@code text} and {@code ids}. Errors name
 * the input and the line.
 */
final class JsonLines {
  /** What gson tells programmers about a syntax error, before the position. */
  private static final String GSON_ADVICE =
      "Use JsonReader.setStrictness(Strictness.LENIENT) to accept malformed JSON";

  private static final int MAX_LINE_BYTES = 256 << 20;

  private JsonLines() {}

  /**
   * One line.
   *
   * @param where input and line number, for messages
   * @param text the field {@code text}, if present
   * @param ids the field {@code ids}, if present
   */
  @SuppressWarnings("ArrayRecordComponent") // passed on once, never compared
  record Line(String where, @Nullable String text, int @Nullable [] ids) {
    /** Returns the text, which must be present. */
    String requireText() {
      if (text == null) {
        throw problem("has no field \"text\"");
      }
      return text;
    }

    /** Returns the ids, which must be present. */
    int[] requireIds() {
      if (ids == null) {
        throw problem("has no field \"ids\"");
      }
      return ids;
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
    if (files.isEmpty()) {
      answer(console, console.in(), "standard input", answer);
    }
    for (Path file : files) {
      if (Files.isDirectory(file)) {
        throw new UserError(file + ": is a folder; give files of JSON lines");
      }
      try (InputStream in = Files.newInputStream(file)) {
        answer(console, in, file.toString(), answer);
      }
    }
  }

  private static void answer(Console console, InputStream in, String name, Answer answer)
      throws IOException {
    var input = new Utf8Input(in, name, MAX_LINE_BYTES);
    long number = 0;
    for (String json = input.readLine(); json != null; json = input.readLine()) {
      number++;
      Line line = parse(name + ": line " + number, json);
      var text = new StringWriter();
      var writer = new JsonWriter(text);
      writer.setHtmlSafe(false);
      answer.write(line, writer);
      console.out().println(text.toString());
      if (in.available() == 0) {
        console.out().flush(); // for callers that wait for each answer
      }
    }
  }

  static Line parse(String where, String json) throws IOException {
    var reader = new JsonReader(new StringReader(json));
    reader.setStrictness(Strictness.STRICT);
    String text = null;
    int[] ids = null;
    try {
      reader.beginObject();
      while (reader.hasNext()) {
        switch (reader.nextName()) {
          case "text" -> {
            refuseSecond(where, "text", text);
            text = text(where, reader);
          }
          case "ids" -> {
            refuseSecond(where, "ids", ids);
            ids = ids(where, reader);
          }
          default -> reader.skipValue();
        }
      }
      reader.endObject();
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new UserError(where + ": more than one JSON value");
      }
    } catch (IOException | JsonParseException | IllegalStateException | NumberFormatException e) {
      String message = Objects.requireNonNullElse(e.getMessage(), "the line is truncated");
      String first =
          message
              .lines()
              .findFirst()
              .orElse(message)
              .replace(GSON_ADVICE, "unexpected character")
              .replace(" at line 1 ", " at ");
      throw new UserError(where + ": not a JSON object with \"text\" or \"ids\": " + first, e);
    }
    return new Line(where, text, ids);
  }

  private static void refuseSecond(String where, String field, @Nullable Object previous) {
    if (previous != null) {
      throw new UserError(where + ": field \"" + field + "\" is given twice");
    }
  }

  private static String text(String where, JsonReader reader) throws IOException {
    if (reader.peek() != JsonToken.STRING) {
      throw new UserError(where + ": field \"text\" is not a string");
    }
    return reader.nextString();
  }

  private static int[] ids(String where, JsonReader reader) throws IOException {
    if (reader.peek() != JsonToken.BEGIN_ARRAY) {
      throw new UserError(where + ": field \"ids\" is not a list of integers");
    }
    var ids = new IntArrayList();
    reader.beginArray();
    while (reader.hasNext()) {
      String id = reader.peek() == JsonToken.NUMBER ? reader.nextString() : "";
      try {
        ids.add(Integer.parseInt(id));
      } catch (NumberFormatException e) {
        String what = id.isEmpty() ? "is not a number" : "'" + id + "' is not a 32-bit integer";
        throw new UserError(where + ": ids[" + ids.size() + "] " + what, e);
      }
    }
    reader.endArray();
    return ids.toIntArray();
  }

  static void writeIds(JsonWriter out, int[] ids) throws IOException {
    out.name("ids").beginArray();
    for (int id : ids) {
      out.value(id);
    }
    out.endArray();
  }
}
