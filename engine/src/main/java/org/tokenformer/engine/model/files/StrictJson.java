package org.tokenformer.engine.model.files;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
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
import org.tokenformer.engine.checkpoint.FileSignature;
import org.tokenformer.engine.checkpoint.JsonSyntax;

/**
 * Reads files of one JSON object: at most a megabyte, strict, no duplicate fields, limited depth.
 */
final class StrictJson {
  private static final long MAX_BYTES = 1 << 20;
  private static final int MAX_DEPTH = 8;

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
      String known = FileSignature.describe(file);
      if (known != null) {
        throw new ModelFormatException(file + ": " + known);
      }
      json = Files.readString(file, StandardCharsets.UTF_8);
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(file + ": is not UTF-8", e);
    } catch (ModelFormatException e) {
      throw e;
    } catch (IOException e) {
      throw new ModelFormatException(file + ": cannot read: " + CheckpointException.reason(e), e);
    }
    return parse(file, json);
  }

  private static Map<String, @Nullable Object> parse(Path file, String json)
      throws ModelFormatException {
    try (JsonReader reader = new JsonReader(new StringReader(json))) {
      reader.setStrictness(Strictness.STRICT);
      if (!(value(file, reader, 0) instanceof Map<?, ?> map)) {
        throw new ModelFormatException(file + ": is not a JSON object");
      }
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new ModelFormatException(file + ": has more than one JSON object");
      }
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      map.forEach((key, value) -> values.put(String.valueOf(key), value));
      return values;
    } catch (ModelFormatException e) {
      throw e;
    } catch (IOException | IllegalStateException e) {
      throw new ModelFormatException(file + ": is not valid JSON: " + JsonSyntax.problem(e), e);
    }
  }

  private static @Nullable Object value(Path file, JsonReader reader, int depth)
      throws IOException {
    if (depth > MAX_DEPTH) {
      throw new ModelFormatException(file + ": is nested deeper than " + MAX_DEPTH + " levels");
    }
    return switch (reader.peek()) {
      case BEGIN_OBJECT -> {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        reader.beginObject();
        while (reader.hasNext()) {
          String name = reader.nextName();
          if (map.containsKey(name)) {
            throw new ModelFormatException(file + ": field " + quote(name) + " is given twice");
          }
          map.put(name, value(file, reader, depth + 1));
        }
        reader.endObject();
        yield map;
      }
      case BEGIN_ARRAY -> {
        List<@Nullable Object> list = new ArrayList<>();
        reader.beginArray();
        while (reader.hasNext()) {
          list.add(value(file, reader, depth + 1));
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
      default -> throw new IllegalStateException(reader.peek() + " begins no value");
    };
  }
}
