package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.CharArrayReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.Set;
import java.util.regex.Pattern;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** Reads the JSON of a safetensors header and checks each entry on its own. */
final class SafetensorsParser {
  private static final Pattern DIGITS = Pattern.compile("[0-9]+");

  private final Path path;
  private final JsonReader json;

  SafetensorsParser(Path path, char[] text) {
    this.path = path;
    this.json = new JsonReader(new CharArrayReader(text));
    json.setStrictness(Strictness.STRICT);
  }

  SafetensorsHeader parse(long dataStart) throws CheckpointException {
    List<SafetensorsHeader.Entry> entries = new ArrayList<>();
    SequencedMap<String, String> metadata = new LinkedHashMap<>();
    try {
      Set<String> names = new HashSet<>();
      json.beginObject();
      while (json.hasNext()) {
        String name = name(names, "");
        if (name.equals(SafetensorsHeader.METADATA)) {
          readMetadata(metadata);
        } else {
          entries.add(entry(name));
        }
        if (names.size() > TensorLimits.MAX_TENSORS) {
          throw fail(Kind.LIMIT, "has more than %d tensors".formatted(TensorLimits.MAX_TENSORS));
        }
      }
      json.endObject();
      if (json.peek() != JsonToken.END_DOCUMENT) {
        throw fail(Kind.BAD_JSON, "header continues after its JSON object");
      }
    } catch (CheckpointException e) {
      throw e;
    } catch (IOException | IllegalStateException e) {
      String problem = "header is not valid JSON: " + JsonSyntax.problem(e);
      throw new CheckpointException(Kind.BAD_JSON, path, problem, e);
    }
    entries.sort(
        Comparator.comparingLong(SafetensorsHeader.Entry::begin)
            .thenComparingLong(SafetensorsHeader.Entry::end));
    return new SafetensorsHeader(entries, metadata, dataStart);
  }

  /** Reads a key of the object {@code owner} (empty for the header) and rejects duplicates. */
  private String name(Set<String> seen, String owner) throws IOException {
    String name = json.nextName();
    TensorLimits.checkName(path, name);
    if (!seen.add(name)) {
      String in = owner.isEmpty() ? "header" : quote(owner);
      throw fail(Kind.DUPLICATE_NAME, "%s has %s twice".formatted(in, quote(name)));
    }
    return name;
  }

  private void readMetadata(SequencedMap<String, String> metadata) throws IOException {
    if (json.peek() == JsonToken.NULL) {
      json.nextNull();
      return;
    }
    expect(SafetensorsHeader.METADATA, "be an object of strings", JsonToken.BEGIN_OBJECT);
    json.beginObject();
    Set<String> keys = new HashSet<>();
    while (json.hasNext()) {
      String key = name(keys, SafetensorsHeader.METADATA);
      expect(SafetensorsHeader.METADATA, "be an object of strings", JsonToken.STRING);
      metadata.put(key, json.nextString());
    }
    json.endObject();
  }

  private SafetensorsHeader.Entry entry(String name) throws IOException {
    expect(name, "be an object", JsonToken.BEGIN_OBJECT);
    json.beginObject();
    Set<String> fields = new HashSet<>();
    DType dtype = null;
    Shape shape = null;
    long[] offsets = null;
    while (json.hasNext()) {
      String field = name(fields, name);
      switch (field) {
        case "dtype" -> dtype = dtype(name);
        case "shape" -> shape = shape(name);
        case "data_offsets" -> offsets = offsets(name);
        default -> json.skipValue();
      }
    }
    json.endObject();
    if (dtype == null || shape == null || offsets == null) {
      String missing = dtype == null ? "dtype" : shape == null ? "shape" : "data_offsets";
      throw fail(Kind.BAD_FIELD, "tensor %s has no %s".formatted(quote(name), missing));
    }
    checkSize(name, dtype, shape, offsets);
    return new SafetensorsHeader.Entry(name, dtype, shape, offsets[0], offsets[1]);
  }

  private void checkSize(String name, DType dtype, Shape shape, long[] offsets)
      throws CheckpointException {
    long size = offsets[1] - offsets[0];
    boolean tooLarge = shape.elements() > Long.MAX_VALUE / dtype.bytes();
    if (tooLarge || shape.bytes(dtype) != size) {
      throw fail(
          Kind.SIZE_MISMATCH,
          "tensor %s: %s of %s needs %s bytes, but its offsets give %d"
              .formatted(
                  quote(name),
                  shape,
                  dtype,
                  tooLarge ? "more than 2^63" : shape.bytes(dtype),
                  size));
    }
  }

  private DType dtype(String name) throws IOException {
    expect(name, "have a string as dtype", JsonToken.STRING);
    String text = json.nextString();
    for (DType dtype : DType.values()) {
      if (dtype.isInFiles() && dtype.name().equals(text)) {
        return dtype;
      }
    }
    throw fail(
        Kind.UNKNOWN_DTYPE,
        "tensor %s has the unsupported dtype %s; convert it to F32, F16 or BF16"
            .formatted(quote(name), quote(text)));
  }

  private Shape shape(String name) throws IOException {
    String field = "have an array of whole numbers as shape";
    long[] sizes = numbers(name, field, Kind.BAD_SHAPE, TensorLimits.MAX_RANK);
    try {
      return Shape.of(sizes);
    } catch (IllegalArgumentException e) {
      throw fail(
          Kind.BAD_SHAPE,
          "tensor %s has a shape of more than 2^63 elements".formatted(quote(name)));
    }
  }

  private long[] offsets(String name) throws IOException {
    String field = "have two whole numbers as data_offsets";
    long[] offsets = numbers(name, field, Kind.BAD_OFFSETS, 2);
    if (offsets.length != 2 || offsets[0] > offsets[1]) {
      throw fail(
          Kind.BAD_OFFSETS,
          "tensor %s must have a begin and an end not before it as data_offsets, not %s"
              .formatted(quote(name), Arrays.toString(offsets)));
    }
    return offsets;
  }

  private long[] numbers(String name, String wanted, Kind kind, int max) throws IOException {
    expect(name, wanted, JsonToken.BEGIN_ARRAY);
    json.beginArray();
    long[] numbers = new long[max];
    int count = 0;
    while (json.hasNext()) {
      if (count == max) {
        Kind many = kind == Kind.BAD_SHAPE ? Kind.LIMIT : kind;
        throw fail(
            many, "tensor %s must %s, at most %d of them".formatted(quote(name), wanted, max));
      }
      expect(name, wanted, JsonToken.NUMBER);
      String text = json.nextString();
      // Digits only: no sign, fraction or exponent. 18 digits always fit a long.
      if (!DIGITS.matcher(text).matches() || text.length() > 18) {
        throw fail(
            kind,
            "tensor %s must %s, each from 0 to 10^18 - 1, not %s"
                .formatted(quote(name), wanted, quote(text)));
      }
      numbers[count++] = Long.parseLong(text);
    }
    json.endArray();
    return Arrays.copyOf(numbers, count);
  }

  private void expect(String name, String wanted, JsonToken token) throws IOException {
    JsonToken found = json.peek();
    if (found != token) {
      throw fail(
          Kind.BAD_FIELD,
          "%s must %s, not %s"
              .formatted(
                  quote(name),
                  wanted,
                  found.name().toLowerCase(Locale.ROOT).replace("begin_", "")));
    }
  }

  private CheckpointException fail(Kind kind, String what) {
    return new CheckpointException(kind, path, what);
  }
}
