package org.tokenformer.tokenizer;

import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import it.unimi.dsi.fastutil.longs.Long2LongOpenHashMap;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads the {@code model} of a {@code tokenizer.json}, which must be byte-level BPE. */
final class ModelReader {
  /** Exceeds every known vocabulary, yet is small enough for arrays indexed by id. */
  private static final int MAX_IDS = 1 << 24;

  private final JsonReader json;
  private final Problems problems;
  private final Long2LongOpenHashMap merges;
  private final int expected;

  /** Merges read before the vocabulary, two tokens each. */
  private final List<String> early = new ArrayList<>();

  private @Nullable Vocabulary vocabulary;
  private @Nullable String unknown;
  private boolean mergesSeen;
  private boolean ignoreMerges;
  private int rank;
  private byte[] scratch = new byte[256];

  /** Creates a reader; {@code expected} is the approximate number of tokens. */
  ModelReader(JsonReader json, Problems problems, int expected) {
    this.expected = expected;
    merges = new Long2LongOpenHashMap(expected, 0.5f);
    this.json = json;
    this.problems = problems;
  }

  void read() throws IOException {
    if (json.peek() != JsonToken.BEGIN_OBJECT) {
      throw problems.of("model must be an object");
    }
    Set<String> seen = new HashSet<>();
    json.beginObject();
    while (json.hasNext()) {
      String name = json.nextName();
      if (!seen.add(name)) {
        throw problems.of("field " + Problems.quote("model." + name) + " occurs twice");
      }
      field(name);
    }
    json.endObject();
  }

  private void field(String name) throws IOException {
    switch (name) {
      case "type" -> {
        String type = json.nextString();
        if (!type.equals("BPE")) {
          throw problems.of(
              "model.type " + Problems.quote(type) + " is not supported; only byte-level BPE is");
        }
      }
      case "vocab" -> readVocabulary();
      case "merges" -> readMerges();
      case "ignore_merges" -> ignoreMerges = json.nextBoolean();
      case "byte_fallback" -> {
        if (json.nextBoolean()) {
          throw problems.of("model.byte_fallback true is not supported; only byte-level BPE is");
        }
      }
      case "unk_token" -> unknown = nullableString();
      case "dropout" -> {
        if (json.peek() != JsonToken.NULL && json.nextDouble() != 0) {
          throw problems.of("model.dropout is not supported; set it to null");
        }
        skipNull();
      }
      case "continuing_subword_prefix", "end_of_word_suffix" -> {
        String affix = nullableString();
        if (affix != null && !affix.isEmpty()) {
          throw problems.of(
              "model." + name + " " + Problems.quote(affix) + " is not supported; only null is");
        }
      }
      default -> json.skipValue(); // including fuse_unk: no byte is unknown, see finish()
    }
  }

  private void skipNull() throws IOException {
    if (json.peek() == JsonToken.NULL) {
      json.nextNull();
    }
  }

  private @Nullable String nullableString() throws IOException {
    if (json.peek() == JsonToken.NULL) {
      json.nextNull();
      return null;
    }
    return json.nextString();
  }

  private void readVocabulary() throws IOException {
    if (json.peek() != JsonToken.BEGIN_OBJECT) {
      throw problems.of("model.vocab must be an object that maps tokens to ids");
    }
    Vocabulary read = new Vocabulary(expected);
    json.beginObject();
    while (json.hasNext()) {
      String token = json.nextName();
      long id = json.nextLong();
      if (id < 0 || id >= MAX_IDS) {
        throw problems.of(
            "model.vocab: "
                + Problems.quote(token)
                + " has id "
                + id
                + ", which is not between 0 and "
                + (MAX_IDS - 1));
      }
      if (!read.add(token, (int) id)) {
        throw problems.of("model.vocab: " + Problems.quote(token) + " occurs twice");
      }
    }
    json.endObject();
    String wrong = read.seal();
    if (wrong != null) {
      throw problems.of("model.vocab: " + wrong);
    }
    vocabulary = read;
  }

  private void readMerges() throws IOException {
    mergesSeen = true;
    if (json.peek() != JsonToken.BEGIN_ARRAY) {
      throw problems.of("model.merges must be a list");
    }
    json.beginArray();
    while (json.hasNext()) {
      if (json.peek() == JsonToken.BEGIN_ARRAY) {
        json.beginArray();
        String left = json.nextString();
        String right = json.nextString();
        json.endArray();
        merge(left, right);
      } else {
        String merge = json.nextString();
        if (merge.startsWith("#version")) { // the first line of a merges.txt, skipped as in HF
          continue;
        }
        int space = merge.indexOf(' ');
        if (space < 0 || merge.indexOf(' ', space + 1) >= 0) {
          throw problems.of(
              "model.merges: "
                  + Problems.quote(merge)
                  + " is not two tokens separated by one space");
        }
        merge(merge.substring(0, space), merge.substring(space + 1));
      }
    }
    json.endArray();
  }

  private void merge(String left, String right) throws TokenizerException {
    if (vocabulary == null) {
      early.add(left);
      early.add(right);
    } else {
      merge(vocabulary, left, right);
    }
  }

  /** Adds a merge. If the same pair is merged twice, the later merge wins, as in HF. */
  private void merge(Vocabulary tokens, String left, String right) throws TokenizerException {
    int middle = left.length();
    int end = middle + right.length();
    if (end > scratch.length) {
      scratch = new byte[2 * end];
    }
    int l;
    int r;
    int both;
    if (ByteAlphabet.toBytes(left, scratch, 0) && ByteAlphabet.toBytes(right, scratch, middle)) {
      l = tokens.idOf(scratch, 0, middle);
      r = tokens.idOf(scratch, middle, end);
      both = tokens.idOf(scratch, 0, end);
    } else {
      l = tokens.idOf(left);
      r = tokens.idOf(right);
      both = tokens.idOf(left + right);
    }
    if (l < 0 || r < 0 || both < 0) {
      String missing = l < 0 ? left : r < 0 ? right : left + right;
      throw problems.of(
          "model.merges["
              + rank
              + "] names "
              + Problems.quote(missing)
              + ", which is not in model.vocab");
    }
    merges.put(BpeModel.pair(l, r), BpeModel.merge(rank++, both));
  }

  /** Returns the model, after the whole file has been read. */
  BpeModel finish(List<AddedToken> added) throws TokenizerException {
    if (vocabulary == null || !mergesSeen) {
      throw problems.of("model." + (vocabulary == null ? "vocab" : "merges") + " is missing");
    }
    for (int i = 0; i < early.size(); i += 2) {
      merge(vocabulary, early.get(i), early.get(i + 1));
    }
    Set<String> contents = new HashSet<>();
    added.forEach(token -> contents.add(token.content()));
    for (String token : vocabulary.foreign()) {
      if (!contents.contains(token)) {
        throw problems.of(
            "model.vocab: "
                + Problems.quote(token)
                + " has a character outside the byte alphabet; only byte-level BPE is supported");
      }
    }
    for (int b = 0; unknown != null && b < 256; b++) {
      if (vocabulary.idOf(new byte[] {(byte) b}, 0, 1) < 0) {
        throw problems.of(
            "model.unk_token "
                + Problems.quote(unknown)
                + " is not supported if a byte has no token; model.vocab lacks "
                + Problems.quote(String.valueOf(ByteAlphabet.charOf(b))));
      }
    }
    return new BpeModel(vocabulary, merges, ignoreMerges);
  }
}
