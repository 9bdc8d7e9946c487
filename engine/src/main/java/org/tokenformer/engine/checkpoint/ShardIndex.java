package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/**
 * The index of a checkpoint in several files, as HF transformers writes it: a JSON object whose
 * {@code weight_map} gives the file of each tensor.
 *
 * @param path the index
 * @param files names of files in the same folder, by tensor name
 */
record ShardIndex(Path path, SequencedMap<String, String> files) {
  /** The end of the names of such files. */
  static final String SUFFIX = ".index.json";

  private static final String MAP = "weight_map";
  private static final long MAX_BYTES = 1 << 24;

  static ShardIndex read(Path path) throws CheckpointException {
    try {
      String known = FileSignature.describe(path);
      if (known != null) {
        throw new CheckpointException(Kind.NOT_A_CHECKPOINT, path, known);
      }
      if (Files.size(path) > MAX_BYTES) {
        throw new CheckpointException(
            Kind.LIMIT,
            path,
            "has %d bytes, but at most %d are allowed for an index"
                .formatted(Files.size(path), MAX_BYTES));
      }
      return new ShardIndex(path, parse(path, Files.readString(path)));
    } catch (CharacterCodingException e) {
      throw new CheckpointException(Kind.BAD_JSON, path, "index is not UTF-8", e);
    } catch (CheckpointException e) {
      throw e;
    } catch (IOException e) {
      throw new CheckpointException(
          Kind.CANNOT_READ, path, "cannot read: " + CheckpointException.reason(e), e);
    }
  }

  private static SequencedMap<String, String> parse(Path path, String text)
      throws CheckpointException {
    SequencedMap<String, String> files = new LinkedHashMap<>();
    boolean found = false;
    try (JsonReader json = new JsonReader(new StringReader(text))) {
      json.setStrictness(Strictness.STRICT);
      json.beginObject();
      while (json.hasNext()) {
        if (!json.nextName().equals(MAP)) {
          json.skipValue();
        } else if (found) {
          throw new CheckpointException(
              Kind.DUPLICATE_NAME, path, "index has '%s' twice".formatted(MAP));
        } else {
          found = true;
          readMap(path, json, files);
        }
      }
      json.endObject();
      var _ = json.peek(); // fails unless this is the end
    } catch (CheckpointException e) {
      throw e;
    } catch (IOException | IllegalStateException e) {
      throw new CheckpointException(
          Kind.BAD_JSON,
          path,
          "is neither a checkpoint nor a JSON index of one: " + JsonSyntax.problem(e),
          e);
    }
    if (files.isEmpty()) {
      throw new CheckpointException(
          Kind.NOT_A_CHECKPOINT,
          path,
          "is JSON without tensors in a '%s', so it is no index of a checkpoint; specify the file"
                  .formatted(MAP)
              + " with the weights");
    }
    return files;
  }

  private static void readMap(Path path, JsonReader json, SequencedMap<String, String> files)
      throws IOException {
    json.beginObject();
    while (json.hasNext()) {
      String tensor = json.nextName();
      TensorLimits.checkName(path, tensor);
      if (json.peek() != JsonToken.STRING) {
        throw new IllegalStateException("not a file name: " + json.peek());
      }
      String file = json.nextString();
      checkFile(path, tensor, file);
      if (files.put(tensor, file) != null) {
        throw new CheckpointException(
            Kind.DUPLICATE_NAME, path, "index has tensor %s twice".formatted(quote(tensor)));
      }
      if (files.size() > TensorLimits.MAX_TENSORS) {
        throw new CheckpointException(
            Kind.LIMIT, path, "has more than %d tensors".formatted(TensorLimits.MAX_TENSORS));
      }
    }
    json.endObject();
  }

  /** Accepts only names of files in the index's own folder. */
  private static void checkFile(Path path, String tensor, String file) throws CheckpointException {
    boolean plain =
        !file.isEmpty()
            && !file.startsWith(".")
            && file.length() <= 255
            && file.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
    if (!plain) {
      throw new CheckpointException(
          Kind.BAD_NAME,
          path,
          "places tensor %s in %s, which is not a file name in its own folder"
              .formatted(quote(tensor), quote(file)));
    }
  }
}
