package org.tokenformer.tokenizer;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.EOFException;
import java.io.IOException;
import java.io.Reader;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.tokenformer.tokenizer.kind.FileKind;

/**
 * Reads a {@code tokenizer.json} in one pass. The vocabulary and the merges go directly into their
 * tables; the small components become maps, which {@link Components} checks.
 */
final class TokenizerJsonReader {
  /** Maximum file size; the largest published byte-level files are smaller than 40 MB. */
  static final int MAX_BYTES = 128 << 20;

  /** Maximum total length of added tokens: the matcher numbers their prefixes. */
  private static final int MAX_ADDED = 2_000_000;

  /** Estimate of the characters that a token and its merge take in a file. */
  private static final int CHARS_PER_TOKEN = 32;

  private final JsonReader json;
  private final Problems problems;
  private final ModelReader model;
  private final Map<String, @Nullable Object> components = new LinkedHashMap<>();
  private List<AddedToken> added = List.of();

  private TokenizerJsonReader(Reader reader, Problems problems, int length) {
    this.problems = problems;
    json = new JsonReader(reader);
    json.setStrictness(Strictness.STRICT);
    model = new ModelReader(json, problems, length / CHARS_PER_TOKEN);
  }

  static Tokenizer read(Path file) throws IOException {
    Problems problems = new Problems(file.toString());
    byte[] bytes;
    try {
      if (Files.isDirectory(file)) {
        throw problems.of("is a folder; name the tokenizer.json in it");
      }
      long size = Files.size(file);
      if (size > MAX_BYTES) {
        throw problems.of("has " + size + " bytes; the maximum is " + MAX_BYTES);
      }
      bytes = Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      throw problems.of("does not exist", e);
    }
    FileKind kind = FileKind.ofEncoded(bytes, bytes.length);
    if (kind != null) {
      throw problems.of(kind.what() + "; " + kind.advice());
    }
    String text = new String(bytes, StandardCharsets.UTF_8);
    // A fast check first: malformed input decodes to U+FFFD, so only then is it searched for.
    if (text.indexOf('\uFFFD') >= 0) {
      int bad = Utf8.malformedAt(bytes, 0, bytes.length);
      if (bad >= 0) {
        throw problems.of("is not UTF-8: invalid byte at offset " + bad);
      }
    }
    return read(new StringReader(text), file.toString(), text.length());
  }

  /**
   * Reads the content of a file.
   *
   * @param name the name of the file in messages
   * @param length the approximate number of characters, to size the tables
   */
  static Tokenizer read(Reader reader, String name, int length) throws IOException {
    Problems problems = new Problems(name);
    TokenizerJsonReader file =
        new TokenizerJsonReader(new Capped(reader, problems), problems, length);
    try {
      return file.read();
    } catch (MalformedJsonException
        | EOFException
        | IllegalStateException
        | NumberFormatException e) {
      String path = Problems.shortened(file.json.getPath());
      throw problems.of("malformed JSON at " + path + ": " + Problems.json(e), e);
    }
  }

  private Tokenizer read() throws IOException {
    Set<String> seen = new HashSet<>();
    json.beginObject();
    while (json.hasNext()) {
      String name = json.nextName();
      if (!seen.add(name)) {
        throw problems.of("field " + Problems.quote(name) + " occurs twice");
      }
      switch (name) {
        case "version",
            "truncation",
            "padding",
            "normalizer",
            "pre_tokenizer",
            "post_processor",
            "decoder" ->
            components.put(name, value());
        case "added_tokens" -> added = addedTokens();
        case "model" -> model.read();
        default -> json.skipValue();
      }
    }
    json.endObject();
    if (json.peek() != JsonToken.END_DOCUMENT) {
      throw problems.of("contains more than one JSON value");
    }
    if (!seen.contains("model")) {
      throw problems.of("field \"model\" is missing: not a tokenizer.json");
    }
    Components rules = new Components(components, problems);
    rules.check();
    BpeModel bpe = model.finish(added);
    checkIds(bpe.vocabulary());
    return new Tokenizer(Pipeline.of(bpe, added, rules.nfc(), rules.preTokenizer()));
  }

  private List<AddedToken> addedTokens() throws IOException {
    List<AddedToken> tokens = new ArrayList<>();
    if (json.peek() == JsonToken.NULL) {
      json.nextNull();
      return tokens;
    }
    Set<String> contents = new HashSet<>();
    int room = MAX_ADDED;
    json.beginArray();
    while (json.hasNext()) {
      AddedToken token =
          addedToken(Fields.of(value(), "added_tokens[" + tokens.size() + "]", problems));
      if (token.content().isEmpty()) {
        throw problems.of("added_tokens[" + tokens.size() + "].content must not be empty");
      }
      room -= token.content().length();
      if (room < 0) {
        throw problems.of("added_tokens has more than " + MAX_ADDED + " characters of content");
      }
      if (!contents.add(token.content())) {
        throw problems.of("added_tokens has " + Problems.quote(token.content()) + " twice");
      }
      tokens.add(token);
    }
    json.endArray();
    return tokens;
  }

  private static AddedToken addedToken(Fields fields) throws TokenizerException {
    return new AddedToken(
        fields.string("content"),
        fields.integer("id"),
        fields.bool("single_word"),
        fields.bool("lstrip"),
        fields.bool("rstrip"),
        fields.bool("normalized"),
        fields.bool("special"));
  }

  /**
   * Checks the ids of added tokens. HF assigns these ids itself: the id in the model's vocabulary
   * if the token is there, otherwise consecutive ids from the vocabulary size in the order of the
   * file. A file with different ids would be used with other ids than its model was trained with.
   */
  private void checkIds(Vocabulary vocabulary) throws TokenizerException {
    int next = vocabulary.size();
    for (AddedToken token : added) {
      int id = vocabulary.idOf(token.content());
      int expected = id >= 0 ? id : next++;
      if (token.id() != expected) {
        throw problems.of(
            "added_tokens: "
                + Problems.quote(token.content())
                + " has id "
                + token.id()
                + ", but HF tokenizers assigns "
                + expected
                + "; use the id in model.vocab, or consecutive ids after it for other tokens");
      }
    }
  }

  /** Returns the next value as a String, Double, Boolean, null, List or Map. */
  private @Nullable Object value() throws IOException {
    return switch (json.peek()) {
      case BEGIN_OBJECT -> object();
      case BEGIN_ARRAY -> list();
      case NUMBER -> json.nextDouble();
      case BOOLEAN -> json.nextBoolean();
      case NULL -> nothing();
      default -> json.nextString();
    };
  }

  private Map<String, @Nullable Object> object() throws IOException {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    json.beginObject();
    while (json.hasNext()) {
      String name = json.nextName();
      if (map.containsKey(name)) {
        String path = Problems.shortened(json.getPath());
        throw problems.of("field " + Problems.quote(name) + " occurs twice at " + path);
      }
      map.put(name, value());
    }
    json.endObject();
    return map;
  }

  private List<@Nullable Object> list() throws IOException {
    List<@Nullable Object> list = new ArrayList<>();
    json.beginArray();
    while (json.hasNext()) {
      list.add(value());
    }
    json.endArray();
    return list;
  }

  private @Nullable Object nothing() throws IOException {
    json.nextNull();
    return null;
  }

  /** Limits a reader to the maximum size of a file. */
  private static final class Capped extends Reader {
    private final Reader in;
    private final Problems problems;
    private long left = MAX_BYTES;

    Capped(Reader in, Problems problems) {
      this.in = in;
      this.problems = problems;
    }

    @Override
    public int read(char[] into, int from, int length) throws IOException {
      int n = in.read(into, from, length);
      left -= n;
      if (left < 0) {
        throw problems.of("has more than the maximum of " + MAX_BYTES + " characters");
      }
      return n;
    }

    @Override
    public void close() {
      // The caller closes the reader.
    }
  }
}
