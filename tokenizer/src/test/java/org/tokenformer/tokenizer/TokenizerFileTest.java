package org.tokenformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Invalid files are refused with a one-line message. */
class TokenizerFileTest {
  private static final Path BASE = TestFiles.GOLDENS.resolve("base/tokenizer.json");

  @TempDir private Path temporary;

  private static JsonElement json(String text) {
    return JsonParser.parseString(text.replace('\'', '"'));
  }

  private static Consumer<JsonObject> set(String path, String value) {
    return file -> {
      String[] names = path.split("\\.", -1);
      JsonObject at = file;
      for (int i = 0; i + 1 < names.length; i++) {
        at = at.getAsJsonObject(names[i]);
      }
      at.add(names[names.length - 1], json(value));
    };
  }

  private static Consumer<JsonObject> without(String path) {
    return file -> {
      int dot = path.indexOf('.');
      (dot < 0 ? file : file.getAsJsonObject(path.substring(0, dot)))
          .remove(path.substring(dot + 1));
    };
  }

  private static Consumer<JsonObject> firstAdded(String field, String value) {
    return file ->
        file.getAsJsonArray("added_tokens").get(0).getAsJsonObject().add(field, json(value));
  }

  private static Consumer<JsonObject> merge(String value) {
    return file -> file.getAsJsonObject("model").getAsJsonArray("merges").add(json(value));
  }

  private static String template(String single) {
    return "{'type':'TemplateProcessing','single':" + single + ",'pair':[],'special_tokens':{}}";
  }

  /** Changes to a valid file, each with a part of the expected message. */
  private static Map<Consumer<JsonObject>, String> changes() {
    Map<Consumer<JsonObject>, String> changes = new LinkedHashMap<>();
    changes.put(set("model.type", "'WordPiece'"), "model.type \"WordPiece\"");
    changes.put(set("model.type", "'Unigram'"), "model.type \"Unigram\"");
    changes.put(set("model.type", "'WordLevel'"), "model.type \"WordLevel\"");
    changes.put(set("model.byte_fallback", "true"), "model.byte_fallback");
    changes.put(set("model.dropout", "0.1"), "model.dropout");
    changes.put(set("model.continuing_subword_prefix", "'##'"), "continuing_subword_prefix \"##\"");
    changes.put(set("model.end_of_word_suffix", "'</w>'"), "end_of_word_suffix \"</w>\"");
    changes.put(set("model.vocab", "[['a',0.5]]"), "model.vocab must be an object");
    changes.put(set("model.merges", "{}"), "model.merges must be a list");
    changes.put(set("model", "[]"), "model must be an object");
    changes.put(set("version", "'2.0'"), "version \"2.0\"");
    changes.put(set("truncation", "{'max_length':4}"), "truncation");
    changes.put(set("padding", "{}"), "padding");
    changes.put(set("normalizer", "{'type':'NFKC'}"), "normalizer.type \"NFKC\"");
    changes.put(set("normalizer", "{'type':'Sequence'}"), "normalizer.normalizers must be a list");
    changes.put(
        set("normalizer", "{'type':'Sequence','normalizers':[{'type':'Lowercase'}]}"),
        "normalizer.normalizers[0].type \"Lowercase\"");
    changes.put(set("normalizer", "'NFC'"), "normalizer must be an object");
    changes.put(set("pre_tokenizer", "null"), "pre_tokenizer null");
    changes.put(set("pre_tokenizer", "{'type':'Metaspace'}"), "pre_tokenizer.type \"Metaspace\"");
    changes.put(set("pre_tokenizer", "{'type':'Sequence','pretokenizers':[]}"), "no ByteLevel");
    changes.put(set("pre_tokenizer", "{'type':'ByteLevel'}"), "add_prefix_space is missing");
    changes.put(
        set("pre_tokenizer.add_prefix_space", "'yes'"), "add_prefix_space must be true or false");
    changes.put(split("{'String':'a'}", "Isolated"), "pattern is not supported");
    changes.put(split("{'Regex':'a'}", "Removed"), "behavior \"Removed\"");
    changes.put(split("{'Regex':'(a+)+b'}", "Isolated"), "on the group at 0");
    changes.put(split("{'Regex':'\\\\w+'}", "Isolated"), "\\w");
    changes.put(set("post_processor", "{'type':'BertProcessing'}"), "\"BertProcessing\"");
    changes.put(
        set("post_processor", template("[{'SpecialToken':{'id':'a','type_id':0}}]")),
        "adds a special token");
    changes.put(set("post_processor", template("[]")), "must contain the text exactly once");
    changes.put(set("decoder", "null"), "decoder null");
    changes.put(set("decoder", "{'type':'Metaspace'}"), "decoder Metaspace");
    changes.put(without("model"), "\"model\" is missing");
    changes.put(without("model.vocab"), "model.vocab is missing");
    changes.put(without("model.merges"), "model.merges is missing");
    changes.put(set("model.vocab.zz", "-1"), "\"zz\" has id -1");
    changes.put(set("model.vocab.zz", "4000000000"), "\"zz\" has id 4000000000");
    changes.put(set("model.vocab.zz", "1e30"), "$.model.vocab.zz");
    changes.put(set("model.vocab.zz", "1.5"), "$.model.vocab.zz");
    changes.put(set("model.vocab.zz", "7"), "id 7 belongs to two tokens");
    changes.put(set("model.vocab.zz", "495"), "id 495 is out of range: the ids of 495 tokens");
    changes.put(set("model.vocab.z z", "494"), "\"z z\" has a character outside");
    changes.put(merge("'a nosuch'"), "names \"nosuch\"");
    changes.put(merge("['Q','Z']"), "names \"QZ\"");
    changes.put(merge("'abc'"), "\"abc\" is not two tokens");
    changes.put(merge("'a b c'"), "\"a b c\" is not two tokens");
    changes.put(merge("['a']"), "$.model.merges");
    changes.put(merge("['a','b','c']"), "$.model.merges");
    changes.put(merge("7.5"), "\"7.5\" is not two tokens");
    changes.put(firstAdded("id", "17"), "\"<|endoftext|>\" has id 17, but HF tokenizers assigns 0");
    changes.put(firstAdded("id", "-4"), "added_tokens[0].id must be a whole number");
    changes.put(firstAdded("id", "1e99"), "added_tokens[0].id must be a whole number");
    changes.put(firstAdded("content", "''"), "added_tokens[0].content must not be empty");
    changes.put(firstAdded("content", "'<|padding|>'"), "\"<|padding|>\" twice");
    changes.put(
        firstAdded("content", "'\\ud800'"),
        "$.added_tokens[0].content: unpaired surrogate at line 1");
    changes.put(firstAdded("content", "'" + "a".repeat(2_000_001) + "'"), "more than 2000000");
    changes.put(firstAdded("content", "5"), "added_tokens[0].content must be a string");
    changes.put(firstAdded("special", "null"), "added_tokens[0].special must be true or false");
    changes.put(set("added_tokens", "{}"), "$.added_tokens");
    changes.put(set("added_tokens", "[7]"), "added_tokens[0] must be an object, not 7");
    changes.put(TokenizerFileTest::unknownToken, "model.unk_token \"<unk>\"");
    return changes;
  }

  private static Consumer<JsonObject> split(String pattern, String behavior) {
    return set(
        "pre_tokenizer",
        "{'type':'Split','pattern':" + pattern + ",'behavior':'" + behavior + "','invert':false}");
  }

  /** Removes the token for "!", so that text can contain unknown bytes. */
  private static void unknownToken(JsonObject file) {
    JsonObject vocab = file.getAsJsonObject("model").getAsJsonObject("vocab");
    int id = vocab.remove("!").getAsInt();
    vocab.addProperty("<unk>", id);
    file.getAsJsonObject("model").addProperty("unk_token", "<unk>");
  }

  @TestFactory
  Stream<DynamicTest> refused() throws IOException {
    String good = Files.readString(BASE);
    return changes().entrySet().stream()
        .map(change ->
            dynamicTest(
                change.getValue(),
                () -> {
                  JsonObject file = JsonParser.parseString(good).getAsJsonObject();
                  change.getKey().accept(file);
                  assertRefused(file.toString(), change.getValue());
                }));
  }

  private static void assertRefused(String json, String what) {
    TokenizerException e =
        assertThrows(TokenizerException.class, () -> Tokenizer.fromJson(new StringReader(json)));
    assertOneLine(e, "tokenizer.json: ", what);
  }

  private static void assertOneLine(TokenizerException e, String file, String what) {
    String message = String.valueOf(e.getMessage());
    assertTrue(message.startsWith(file), message);
    assertTrue(message.contains(what), message);
    assertFalse(message.contains("\n"), message);
  }

  @Test
  void malformedJson() throws IOException {
    String good = Files.readString(BASE);
    assertRefused("", "malformed JSON");
    assertRefused("[]", "malformed JSON");
    assertRefused("nonsense", "malformed JSON at $: unexpected character at line 1");
    assertRefused(good.substring(0, good.length() / 2), "malformed JSON");
    assertRefused(good.substring(0, good.length() - 3), "malformed JSON");
    assertRefused(good + "{}", "malformed JSON");
    assertRefused("{'version':\"1.0\"}", "malformed JSON");
    assertRefused("{\"normalizer\":" + "[".repeat(100_000), "malformed JSON");
    assertRefused("{\"other\":" + "[".repeat(100_000), "malformed JSON");
    assertRefused("{\"version\":\"1.0\",\"version\":\"1.0\"}", "\"version\" occurs twice");
    assertRefused("{\"model\":{\"type\":\"BPE\",\"type\":\"BPE\"}}", "\"model.type\" occurs twice");
    assertRefused("{\"decoder\":{\"type\":1,\"type\":2}}", "\"type\" occurs twice");
    assertRefused("{\"model\":{\"vocab\":{\"a\":0,\"a\":1}}}", "\"a\" occurs twice");
    assertRefused("{\"model\":{\"vocab\":{\"\u4e2d\":0,\"\u4e2d\":1}}}", "\"\u4e2d\" occurs twice");
  }

  @Test
  void noFile() {
    Path file = temporary.resolve("nosuch.json");
    assertOneLine(
        assertThrows(TokenizerException.class, () -> Tokenizer.load(file)),
        file + ": ",
        "does not exist");
    assertOneLine(
        assertThrows(TokenizerException.class, () -> Tokenizer.load(temporary)),
        temporary + ": ",
        "is a folder");
  }

  @Test
  void notUtf8() throws IOException {
    byte[] bytes = Files.readString(BASE).getBytes(StandardCharsets.ISO_8859_1);
    Path file = Files.write(temporary.resolve("latin1.json"), bytes);
    assertOneLine(
        assertThrows(TokenizerException.class, () -> Tokenizer.load(file)),
        file + ": ",
        "is not UTF-8: invalid byte at offset ");
  }

  @Test
  void tooLarge() throws IOException {
    Path file = temporary.resolve("large.json");
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.position(TokenizerJsonReader.MAX_BYTES); // a sparse file
      channel.write(ByteBuffer.wrap(new byte[] {1}));
    }
    assertOneLine(
        assertThrows(TokenizerException.class, () -> Tokenizer.load(file)),
        file + ": ",
        "has 134217729 bytes");
  }

  @Test
  void fieldsInAnyOrder() throws IOException {
    JsonObject file = JsonParser.parseString(Files.readString(BASE)).getAsJsonObject();
    JsonObject model = file.getAsJsonObject("model");
    JsonObject turned = new JsonObject();
    turned.add("merges", model.get("merges"));
    turned.add("vocab", model.get("vocab"));
    turned.addProperty("fuse_unk", true);
    turned.addProperty("new_field", "skipped");
    JsonObject turnedFile = new JsonObject();
    turnedFile.add("model", turned);
    for (String name : new String[] {"decoder", "pre_tokenizer", "normalizer", "added_tokens"}) {
      turnedFile.add(name, file.get(name));
    }
    Tokenizer tokenizer = Tokenizer.fromJson(new StringReader(turnedFile.toString()));
    String text = "The  king's daughter e\u0301 <|endoftext|>";
    assertArrayEquals(TestFiles.tokenizer("base").encode(text), tokenizer.encode(text));
  }

  @Test
  void harmlessVariants() throws IOException {
    String good = Files.readString(BASE);
    int[] expected = TestFiles.tokenizer("base").encode("the end");
    for (Consumer<JsonObject> change : variants()) {
      JsonObject file = JsonParser.parseString(good).getAsJsonObject();
      change.accept(file);
      Tokenizer tokenizer = Tokenizer.fromJson(new StringReader(file.toString()));
      assertArrayEquals(expected, tokenizer.encode("the end"));
    }
  }

  private static List<Consumer<JsonObject>> variants() {
    return List.of(
        set("post_processor", "null"),
        set("post_processor", template("[{'Sequence':{'id':'A','type_id':0}}]")),
        set("model.unk_token", "'<|endoftext|>'"),
        set("model.dropout", "0"),
        set("model.continuing_subword_prefix", "''"),
        set("normalizer", "{'type':'Sequence','normalizers':[{'type':'NFC'},{'type':'NFC'}]}"));
  }

  @Test
  void noAddedTokens() throws IOException {
    JsonObject file = JsonParser.parseString(Files.readString(BASE)).getAsJsonObject();
    file.add("added_tokens", new JsonArray());
    Tokenizer tokenizer = Tokenizer.fromJson(new StringReader(file.toString()));
    assertEquals(494, tokenizer.vocabularySize());
    assertTrue(tokenizer.endOfTextId().isEmpty());
    assertTrue(tokenizer.encode("<|endoftext|>").length > 1, "plain text");
  }

  @Test
  void savingLeavesNothingBehind() throws IOException {
    Tokenizer tokenizer = TestFiles.tokenizer("base");
    Path folder = Files.createDirectory(temporary.resolve("name"));
    Files.createFile(folder.resolve("inside"));
    assertThrows(IOException.class, () -> tokenizer.save(folder));
    assertThrows(IOException.class, () -> tokenizer.save(temporary.resolve("no/such/folder.json")));
    try (Stream<Path> left = Files.list(temporary)) {
      assertEquals(1, left.count());
    }
  }
}
