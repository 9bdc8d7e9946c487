package org.tokenformer.tokenizer.kind;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.EOFException;
import java.io.IOException;
import java.io.StringReader;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Recognises JSON and JSON lines. Only what a strict parser accepts up to the end of the head
 * counts, so that prose and source code with braces do not.
 */
final class JsonText {
  /** Fields that usually hold the text. */
  private static final List<String> TEXT_FIELDS = List.of("text", "content", "story");

  private static final Pattern CUT_WORD = Pattern.compile("[A-Za-z0-9+.-]+$");

  /** The first object: its fields and whether each is a string. */
  private final SequencedMap<String, Boolean> fields = new LinkedHashMap<>();

  private boolean hasContent;

  private enum Extent {
    WHOLE,
    CUT,
    NONE
  }

  private JsonText() {}

  /** Returns the kind of a text that begins as JSON does, or null. */
  static @Nullable FileKind kind(String head) {
    String text = head.stripLeading();
    if (!text.startsWith("{") && !text.startsWith("[")) {
      return null;
    }
    int newline = text.indexOf('\n');
    String first = newline < 0 ? text : text.substring(0, newline);
    String rest = newline < 0 ? "" : text.substring(newline).stripLeading();
    JsonText line = new JsonText();
    if (line.extent(first) == Extent.WHOLE) {
      boolean goesOn = rest.isEmpty() || rest.charAt(0) == text.charAt(0);
      return line.hasContent && goesOn ? line.kind(text.charAt(0), true) : null;
    }
    JsonText whole = new JsonText();
    boolean valid = whole.extent(text) != Extent.NONE && whole.hasContent;
    return valid ? whole.kind(text.charAt(0), newline < 0) : null;
  }

  /** Returns how much of the text is one JSON value, and notes its fields. */
  private Extent extent(String text) {
    JsonReader json = new JsonReader(new StringReader(PythonNumbers.asNull(closed(text))));
    json.setStrictness(Strictness.STRICT);
    try {
      if (json.peek() == JsonToken.BEGIN_ARRAY) {
        json.beginArray();
        if (json.hasNext() && json.peek() == JsonToken.BEGIN_OBJECT) {
          object(json);
        }
        while (json.hasNext()) {
          boolean string = json.peek() == JsonToken.STRING;
          json.skipValue();
          hasContent |= string && (json.hasNext() || json.peek() == JsonToken.END_ARRAY);
        }
        json.endArray();
      } else {
        object(json);
      }
      return json.peek() == JsonToken.END_DOCUMENT ? Extent.WHOLE : Extent.NONE;
    } catch (EOFException e) {
      return Extent.CUT;
    } catch (IOException | IllegalStateException e) {
      return Extent.NONE;
    }
  }

  /** Ends a string that the end of the head cuts short; drops a number or word that it may cut. */
  private static String closed(String text) {
    boolean quoted = false;
    int escape = -1; // start of the last escape in the string
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (quoted && c == '\\') {
        escape = i++;
      } else if (c == '"') {
        quoted = !quoted;
      }
    }
    if (quoted) {
      boolean cutEscape = escape >= text.length() - 5 && escape >= 0; // of at most six characters
      return text.substring(0, cutEscape ? escape : text.length()) + '"';
    }
    return CUT_WORD.matcher(text).replaceFirst("");
  }

  private void object(JsonReader json) throws IOException {
    json.beginObject();
    while (json.hasNext()) {
      String name = json.nextName();
      fields.put(name, json.peek() == JsonToken.STRING);
      hasContent = true;
      json.skipValue();
    }
    json.endObject();
  }

  private FileKind kind(char first, boolean lines) {
    String what = lines && first == '{' ? "looks like JSON lines" : "looks like JSON";
    if (fields.isEmpty()) {
      return new FileKind(what, "write its texts to a text file first, for example with jq", true);
    }
    String each = first == '[' ? ".[] | " : "";
    return new FileKind(
        what + " with the fields " + FileKind.listed(fields.keySet()),
        "write the texts to a text file first, for example with jq -r '%s.%s, \"<|endoftext|>\"'"
            .formatted(each, textField()),
        true);
  }

  private String textField() {
    return TEXT_FIELDS.stream()
        .filter(fields::containsKey)
        .findFirst()
        .or(() ->
            fields.entrySet().stream()
                .filter(field -> field.getValue() && field.getKey().matches("[A-Za-z_]\\w{0,39}"))
                .map(field -> field.getKey())
                .findFirst())
        .orElse("FIELD");
  }
}
