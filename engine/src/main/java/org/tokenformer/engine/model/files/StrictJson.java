package org.tokenformer.engine.model.files;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.CheckpointException;

/**
 * Reads files of one JSON object: at most a megabyte, strict, no duplicate fields, limited depth.
 */
final class StrictJson {
  private static final long MAX_BYTES = 1 << 20;
  private static final int MAX_DEPTH = 8;

  /** What gson tells programmers about a syntax error, before the position. */
  private static final String GSON_ADVICE =
      "Use JsonReader.setStrictness(Strictness.LENIENT) to accept malformed JSON";

  private StrictJson() {}

  /** Returns the values by name: strings, doubles, booleans, nulls, lists and maps. */
  static Map<String, @Nullable Object> read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new ModelFormatException(
          file + (Files.exists(file) ? ": is not a regular file" : ": no such file"));
    }
    if (Files.size(file) > MAX_BYTES) {
      throw new ModelFormatException(
          "%s: has %d bytes, but at most %d are allowed"
              .formatted(file, Files.size(file), MAX_BYTES));
    }
    String json;
    try {
      json = Files.readString(file, StandardCharsets.UTF_8);
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(file + ": is not UTF-8", e);
    } catch (IOException e) {
      throw new ModelFormatException(file + ": cannot read: " + CheckpointException.reason(e), e);
    }
    return parse(file, json);
  }

  private static Map<String, @Nullable Object> parse(Path file, String json)
      throws ModelFormatException {
    try (JsonReader reader = new JsonReader(new StringReader(json))) {
      reader.setStrictness(Strictness.STRICT);
      if (!(value(reader, 0) instanceof Map<?, ?> map)) {
        throw new ModelFormatException(file + ": is not a JSON object");
      }
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new ModelFormatException(file + ": has more than one JSON object");
      }
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      map.forEach((key, value) -> values.put(String.valueOf(key), value));
      return values;
    } catch (MalformedJsonException | JsonParseException | IllegalStateException e) {
      throw new ModelFormatException(file + ": is not valid JSON: " + firstLine(e), e);
    } catch (ModelFormatException e) {
      throw e;
    } catch (IOException e) {
      throw new ModelFormatException(file + ": is truncated or not valid JSON: " + firstLine(e), e);
    }
  }

  private static String firstLine(Exception e) {
    String line = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    String own = line.replace(GSON_ADVICE, "unexpected character");
    String plain = own.replaceAll("\\p{Cntrl}", "?"); // it quotes names from the file
    return plain.length() > 200 ? plain.substring(0, 200) + "…" : plain;
  }

  private static @Nullable Object value(JsonReader reader, int depth) throws IOException {
    if (depth > MAX_DEPTH) {
      throw new MalformedJsonException(
          "nested deeper than " + MAX_DEPTH + " at " + reader.getPath());
    }
    return switch (reader.peek()) {
      case BEGIN_OBJECT -> {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        reader.beginObject();
        while (reader.hasNext()) {
          String name = reader.nextName();
          if (map.containsKey(name)) {
            throw new MalformedJsonException("field " + quote(name) + " is given twice");
          }
          map.put(name, value(reader, depth + 1));
        }
        reader.endObject();
        yield map;
      }
      case BEGIN_ARRAY -> {
        List<@Nullable Object> list = new ArrayList<>();
        reader.beginArray();
        while (reader.hasNext()) {
          list.add(value(reader, depth + 1));
        }
        reader.endArray();
        yield list;
      }
      case STRING -> reader.nextString();
      case NUMBER -> Double.valueOf(reader.nextDouble());
      case BOOLEAN -> Boolean.valueOf(reader.nextBoolean());
      case NULL -> {
        reader.nextNull();
        yield null;
      }
      default -> throw new MalformedJsonException("unexpected " + reader.peek());
    };
  }
}
