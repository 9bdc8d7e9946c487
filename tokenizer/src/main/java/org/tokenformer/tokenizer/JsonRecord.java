package org.tokenformer.tokenizer;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.EOFException;
import java.io.IOException;
import java.io.StringReader;
import org.jspecify.annotations.Nullable;
import org.tokenformer.tokenizer.kind.PythonNumbers;

/**
 * A line of JSON lines: an object with a field {@code text} or {@code ids}. Other fields are
 * ignored, and as in Python's {@code json} may be {@code NaN} or {@code Infinity}.
 *
 * @param text the field {@code text}, if present
 * @param ids the field {@code ids}, if present
 */
@SuppressWarnings("ArrayRecordComponent") // passed on once, never compared
public record JsonRecord(@Nullable String text, int @Nullable [] ids) {
  /**
   * Parses a line.
   *
   * @throws TokenizerException if it is not strict JSON, or a field has another type or occurs
   *     twice; the message does not name the file
   */
  public static JsonRecord parse(String line) throws TokenizerException {
    JsonReader json = new JsonReader(new StringReader(PythonNumbers.asNull(line)));
    json.setStrictness(Strictness.STRICT);
    try {
      return read(json);
    } catch (MalformedJsonException | EOFException | IllegalStateException e) {
      throw new TokenizerException(
          "not a JSON object with \"text\" or \"ids\": "
              + Problems.json(e).replace(" at line 1 ", " at "),
          e);
    } catch (TokenizerException e) {
      throw e;
    } catch (IOException e) {
      throw new IllegalStateException("a string cannot fail to be read", e);
    }
  }

  private static JsonRecord read(JsonReader json) throws IOException {
    String text = null;
    int[] ids = null;
    json.beginObject();
    while (json.hasNext()) {
      switch (json.nextName()) {
        case "text" -> {
          refuseSecond("text", text);
          text = text(json);
        }
        case "ids" -> {
          refuseSecond("ids", ids);
          ids = ids(json);
        }
        default -> json.skipValue();
      }
    }
    json.endObject();
    if (json.peek() != JsonToken.END_DOCUMENT) {
      throw new TokenizerException("more than one JSON value");
    }
    return new JsonRecord(text, ids);
  }

  private static void refuseSecond(String field, @Nullable Object previous)
      throws TokenizerException {
    if (previous != null) {
      throw new TokenizerException("field \"" + field + "\" is given twice");
    }
  }

  private static String text(JsonReader json) throws IOException {
    if (json.peek() != JsonToken.STRING) {
      throw new TokenizerException("field \"text\" is not a string");
    }
    return json.nextString();
  }

  private static int[] ids(JsonReader json) throws IOException {
    if (json.peek() != JsonToken.BEGIN_ARRAY) {
      throw new TokenizerException("field \"ids\" is not a list of integers");
    }
    var ids = new IntArrayList();
    json.beginArray();
    while (json.hasNext()) {
      String id = json.peek() == JsonToken.NUMBER ? json.nextString() : "";
      try {
        ids.add(Integer.parseInt(id));
      } catch (NumberFormatException e) {
        String what =
            id.isEmpty()
                ? "is not a number"
                : "'" + Problems.shortened(id) + "' is not a 32-bit integer";
        throw new TokenizerException("ids[" + ids.size() + "] " + what, e);
      }
    }
    json.endArray();
    return ids.toIntArray();
  }
}
