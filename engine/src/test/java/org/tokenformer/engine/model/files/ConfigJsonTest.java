package org.tokenformer.engine.model.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.Presets;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.testing.Models;

/** Invalid configurations: a one-line message with the file, the field and the value. */
final class ConfigJsonTest {
  @TempDir private Path folder;

  private static Map<String, String> fields() {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("model_type", "\"tokenformer\"");
    fields.put("num_layers", "2");
    fields.put("hidden_size", "24");
    fields.put("num_attention_heads", "3");
    fields.put("qkv_slot_num", "24");
    fields.put("proj_slot_num", "[24, 12]");
    fields.put("ffn_slot_num", "96");
    fields.put("vocab_size", "40");
    fields.put("tokenizer_vocab_size", "37");
    fields.put("max_position_embeddings", "64");
    fields.put("norm_activation_type", "\"softmax\"");
    fields.put("tau", "{\"layers.1.ffn\": 2.5}");
    fields.put("rotary_pct", "0.5");
    fields.put("rotary_emb_base", "500");
    fields.put("layernorm_epsilon", "1e-6");
    fields.put("no_weight_tying", "true");
    return fields;
  }

  private static String json(Map<String, String> fields) {
    List<String> lines = new ArrayList<>();
    fields.forEach((key, value) -> lines.add("\"" + key + "\": " + value));
    return "{" + String.join(",\n ", lines) + "}";
  }

  private TokenFormerConfig read(byte[] bytes) throws IOException {
    Path file = folder.resolve("config.json");
    Files.write(file, bytes);
    return ConfigJson.read(file);
  }

  private TokenFormerConfig read(String json) throws IOException {
    return read(json.getBytes(StandardCharsets.UTF_8));
  }

  private String refused(byte[] bytes) {
    ModelFormatException e = assertThrows(ModelFormatException.class, () -> read(bytes));
    return oneLine(e);
  }

  private String oneLine(Exception e) {
    String message = String.valueOf(e.getMessage());
    assertTrue(message.contains("config.json"), message);
    assertTrue(message.chars().noneMatch(Character::isISOControl), message);
    assertTrue(message.length() < 1000, message);
    return message.substring(message.indexOf("config.json"));
  }

  private String refused(String json) {
    return refused(json.getBytes(StandardCharsets.UTF_8));
  }

  /** Reads a configuration with another value of the field, or without the field if null. */
  private String refused(String field, @Nullable String value) {
    Map<String, String> fields = fields();
    if (value == null) {
      fields.remove(field);
    } else {
      fields.put(field, value);
    }
    String message = refused(json(fields));
    assertTrue(message.contains(field), message);
    return message;
  }

  @Test
  void everyFieldIsRead() throws IOException {
    TokenFormerConfig expected =
        new TokenFormerConfig(
            24,
            3,
            List.of(new LayerSizes(24, 24, 96), new LayerSizes(24, 12, 96)),
            40,
            37,
            64,
            Theta.SOFTMAX,
            Map.of("layers.1.ffn", 2.5f),
            0.5,
            500,
            1e-6f,
            false);
    assertEquals(expected, read(json(fields())));
    assertEquals(expected, read(json(fields()).replace('_', '-').replace("softmax", "softmax")));
  }

  @Test
  void whatMayBeMissingHasTheDefaultsOfTheReleasedModels() throws IOException {
    Map<String, String> fields = fields();
    for (String optional :
        List.of(
            "tokenizer_vocab_size",
            "tau",
            "rotary_pct",
            "rotary_emb_base",
            "layernorm_epsilon",
            "no_weight_tying")) {
      fields.remove(optional);
    }
    TokenFormerConfig config = read(json(fields));
    assertEquals(40, config.tokenizerVocabularySize());
    assertEquals(Map.of(), config.taus());
    assertEquals(1, config.rotaryFraction());
    assertEquals(10000, config.rotaryBase());
    assertEquals(1e-5f, config.layerNormEpsilon());
    assertTrue(config.tiedHead());
  }

  @Test
  void theHistoryIsWrittenAndReadAgain() throws IOException {
    TokenFormerConfig config =
        Models.config(Theta.L2_NORM_GELU)
            .withLayers(
                List.of(new LayerSizes(13, 24, 31), new LayerSizes(24, 7, 50)),
                Map.of(),
                List.of(
                    List.of(new LayerSizes(13, 24, 30)),
                    List.of(new LayerSizes(13, 24, 31), new LayerSizes(20, 7, 50))));
    assertEquals(config, read(ConfigJson.write(config)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "7 | history: 7.0 is not a list",
        "[3] | history: 3.0 is not an object of sizes",
        "[null] | history: null is not an object of sizes",
        "[{}] | history: num_layers: is missing",
        "[{SIZES,\"ffn_slot_num\":96.5}] | history: ffn_slot_num: 96.5 is not a whole number",
        "[{SIZES,\"ffn_slot_num\":[1]}] | ffn_slot_num: is a list of length 1, but num_layers is 2",
        "[{SIZES,\"ffn_slot_num\":[]}] | ffn_slot_num: is a list of length 0",
        "[{SIZES,\"ffn_slot_num\":\"9\"}] | history: ffn_slot_num: 9 is not a whole number",
        "[{SIZES,\"ffn_slot_num\":97}] | entry 0 is larger than what the model grew to afterwards",
        "[{SIZES,\"ffn_slot_num\":9},{SIZES,\"ffn_slot_num\":8}] | entry 0 is larger than what",
        "[{SIZES,\"ffn_slot_num\":8,\"heads\":8}] | history: heads: is unknown",
        "[{\"num_layers\":3,\"qkv_slot_num\":1,\"proj_slot_num\":1,\"ffn_slot_num\":1}] | larger than",
        "[{\"num_layers\":0,\"qkv_slot_num\":1,\"proj_slot_num\":1,\"ffn_slot_num\":1}] | num_layers",
        "[{\"num_layers\":1e9,\"qkv_slot_num\":1,\"proj_slot_num\":1,\"ffn_slot_num\":1}] | num_layers"
      })
  void aHistoryThatCannotBeIsRefused(String history, String part) {
    String sizes = "\"num_layers\":2,\"qkv_slot_num\":24,\"proj_slot_num\":12";
    String message = refused("history", history.replace("SIZES", sizes));
    assertTrue(message.replace("'", "").contains(part), message);
  }

  @Test
  void aHistoryOfFarTooManyGrowthsIsRefused() {
    String entry = "{\"num_layers\":1,\"qkv_slot_num\":1,\"proj_slot_num\":1,\"ffn_slot_num\":1}";
    String all = String.join(",", Collections.nCopies(1024, entry));
    assertTrue(
        refused("history", "[" + all + "]").contains("1024 growths; a model can have at most"));
    Map<String, String> fields = fields();
    fields.put("history", "[" + entry.replace("\"ffn_slot_num\":1", "\"ffn_slot_num\":0") + "]");
    assertTrue(
        refused(json(fields)).contains("ffn_slot_num must be between 1 and 16777216, not 0"));
  }

  @Test
  void whatIsWrittenIsReadAgain() throws IOException {
    Map<String, Float> taus = Map.of("layers.0.attention.query", 0.1f, "layers.1.ffn", 1e30f);
    List<TokenFormerConfig> configs = new ArrayList<>();
    for (Theta theta : Theta.values()) {
      configs.add(Models.config(theta));
      configs.add(Models.config(theta, List.of(new LayerSizes(1, 1, 1)), Map.of()));
      configs.add(
          Models.config(theta, List.of(new LayerSizes(3, 4, 5), new LayerSizes(3, 4, 5)), taus));
    }
    for (String name : Presets.names()) {
      configs.add(Presets.get(name));
    }
    for (TokenFormerConfig config : configs) {
      assertEquals(config, read(ConfigJson.write(config)));
    }
    assertThrows(ConfigException.class, () -> Presets.get("7B"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model_type",
        "num_layers",
        "hidden_size",
        "num_attention_heads",
        "qkv_slot_num",
        "proj_slot_num",
        "ffn_slot_num",
        "vocab_size",
        "max_position_embeddings",
        "norm_activation_type"
      })
  void missingFields(String field) {
    assertTrue(refused(field, null).contains("is missing"));
    assertTrue(refused(field, "null").contains("is missing"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "num_layers",
        "hidden_size",
        "num_attention_heads",
        "qkv_slot_num",
        "ffn_slot_num",
        "vocab_size",
        "tokenizer_vocab_size",
        "max_position_embeddings"
      })
  void wrongIntegers(String field) {
    for (String value : List.of("0", "-1", "16777217", "2147483647", "-2147483648")) {
      String message = refused(field, value);
      assertTrue(
          message.matches(".* must be between 1 and \\d+, not " + value)
              || message.endsWith("num_layers: " + value + " is not between 1 and 4096"),
          message);
    }
    for (String value : List.of("4294967297", "1e300", "-1e18", "9".repeat(300))) {
      assertTrue(refused(field, value).contains("is far too large"));
    }
    for (String value : List.of("2.5", "1e-300", "\"24\"", "true", "{}", "\"NaN\"", "[[2]]")) {
      refused(field, value);
    }
    assertTrue(refused(field, "24.5").contains("'24.5' is not a whole number"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "num_attention_heads; 5; does not divide hidden_size 24",
        "num_attention_heads; 48; does not divide",
        "tokenizer_vocab_size; 41; is more than vocab_size 40",
        "qkv_slot_num; [24]; is a list of length 1, but num_layers is 2",
        "qkv_slot_num; [24, 24, 24]; is a list of length 3, but num_layers is 2",
        "qkv_slot_num; []; is a list of length 0",
        "ffn_slot_num; [24, null]; 'null' is not a whole number",
        "ffn_slot_num; [24, 0]; ffn_slot_num must be between 1 and 16777216, not 0",
        "proj_slot_num; [24, 1.5]; '1.5' is not a whole number",
        "num_layers; 4097; num_layers: 4097 is not between 1 and 4096",
        "rotary_pct; 0.4; the number must be even",
        "rotary_pct; 0.1; rotates 0 of the 8 channels",
        "rotary_pct; 0; rotary_pct must be above 0 and at most 1, not ",
        "rotary_pct; -0.5; rotary_pct must be above 0 and at most 1, not ",
        "rotary_pct; 1.01; at most 1",
        "rotary_pct; \"0.5\"; '0.5' is not a number",
        "rotary_emb_base; 1; rotary_emb_base must be a number above 1, not ",
        "rotary_emb_base; -10000; rotary_emb_base must be a number above 1, not ",
        "rotary_emb_base; []; is not a number",
        "layernorm_epsilon; 0; layernorm_epsilon must be above 0 and at most 1, not ",
        "layernorm_epsilon; 1e-60; layernorm_epsilon must be above 0 and at most 1, not ",
        "layernorm_epsilon; -1e-5; layernorm_epsilon must be above 0 and at most 1, not ",
        "layernorm_epsilon; 2; at most 1",
        "no_weight_tying; 1; is neither true nor false",
        "no_weight_tying; \"False\"; is neither true nor false",
        "norm_activation_type; \"relu\"; 'relu' is unknown; use l2_norm_gelu",
        "norm_activation_type; 1; '1.0' is not a string",
        "norm_activation_type; \"\"; '' is unknown",
        "model_type; \"gpt2\"; 'gpt2' is not 'tokenformer'",
        "model_type; \"a\\nb\"; 'a\\u000ab' is not 'tokenformer'",
        "tau; 3; is not an object",
        "tau; {\"layers.2.ffn\": 1}; there is no Pattention 'layers.2.ffn'",
        "tau; {\"layers.00.ffn\": 1}; there is no Pattention",
        "tau; {\"\": 1}; there is no Pattention ''",
        "tau; {\"layers.0.ffn\": 0}; tau must be a number above 0, not ",
        "tau; {\"layers.0.ffn\": -1}; tau must be a number above 0, not ",
        "tau; {\"layers.0.ffn\": 1e300}; tau must be a number above 0, not ",
        "tau; {\"layers.0.ffn\": \"x\"}; 'x' of 'layers.0.ffn' is not a number",
        "tau; {\"layers.0.ffn\": null}; 'null' of 'layers.0.ffn' is not a number",
        "dropout; 0.1; is unknown; the known fields are model_type",
        "$; 0.1; is unknown; the known fields are model_type",
      })
  void contradictions(String field, String value, String message) {
    String actual = refused(field, value);
    assertTrue(actual.contains(message), actual);
  }

  @Test
  void namesOfStrangersStayOneLine() {
    refused("{\"a\\nb\\u001b[31m\": 1}");
    String message = refused(json(fields()).replace("hidden_size", "x\\ny" + "z".repeat(5000)));
    assertTrue(message.contains("'x\\u000ayzzz"), message);
    message = refused("norm_activation_type", "\"" + "x".repeat(9000) + "\"");
    assertTrue(message.contains("…"), message);
    message = refused("{\"" + "a".repeat(5000) + "\": [1, }");
    assertTrue(message.contains("is not valid JSON"), message);
  }

  @Test
  void fieldsThatAreGivenTwice() {
    String twice = json(fields()).replace("\"rotary_pct\"", "\"hidden_size\": 24, \"rotary_pct\"");
    assertTrue(refused(twice).contains("field 'hidden_size' is given twice"));
    twice = json(fields()).replace("\"rotary_pct\"", "\"hidden-size\": 24, \"rotary_pct\"");
    assertTrue(refused(twice).contains("hidden_size: is given twice"));
  }

  @Test
  void everyTruncation() {
    String whole = json(fields());
    assertTrue(refused("").contains("is empty (0 bytes)"));
    for (int length = 1; length < whole.length(); length++) {
      String message = refused(whole.substring(0, length));
      assertTrue(message.contains("valid JSON"), message);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "3",
        "null",
        "\"text\"",
        "{'a': 1}",
        "{a: 1}",
        "{\"a\": NaN}",
        "{\"a\": Infinity}",
        "{\"a\": 1e999}",
        "{\"a\": 0x10}",
        "{\"a\": 01}",
        "{\"a\": TRUE}",
        "{\"a\": 1,}",
        "{\"a\": 1} // comment",
        "{/* comment */}",
        "{\"a\": \"\\x\"}",
        "\u0000",
      })
  void otherThanOneStrictObject(String json) {
    refused(json);
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", " x", "]", "\n{\"a\": 1}", "\u0000"})
  void trailingJunk(String junk) {
    refused(json(fields()) + junk);
  }

  @Test
  void deepNesting() {
    for (int depth : new int[] {9, 1000, 100_000}) {
      String message = refused("{\"a\": " + "[".repeat(depth));
      assertTrue(message.contains("nested deeper"), message);
      message = refused("{\"a\":".repeat(depth));
      assertTrue(message.contains("nested deeper"), message);
    }
  }

  @Test
  void otherThanUtf8() {
    byte[] bytes = json(fields()).getBytes(StandardCharsets.UTF_8);
    bytes[bytes.length / 2] = (byte) 0xFF;
    assertTrue(refused(bytes).contains("is not UTF-8"));
    refused(json(fields()).getBytes(StandardCharsets.UTF_16));
  }

  @Test
  void oversizedFile() {
    byte[] bytes = new byte[(1 << 20) + 1];
    assertTrue(refused(bytes).contains("has " + bytes.length + " bytes, but at most"));
  }

  @Test
  void manyScalesAreReadQuickly() throws IOException {
    Map<String, String> fields = fields();
    StringBuilder taus = new StringBuilder("{");
    for (int layer = 0; layer < 4096; layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        taus.append(taus.length() == 1 ? "" : ",");
        taus.append('"').append(TensorNames.pattention(layer, which)).append("\":2");
      }
    }
    fields.put("tau", taus.append('}').toString());
    fields.put("num_layers", "4096");
    fields.put("proj_slot_num", "24");
    assertEquals(4096 * 5, read(json(fields)).taus().size());
  }

  @Test
  void noFile() {
    Path file = folder.resolve("config.json");
    String message = oneLine(assertThrows(ModelFormatException.class, () -> ConfigJson.read(file)));
    assertTrue(message.contains("no such file"), message);
  }

  @Test
  void folderInsteadOfFile() throws IOException {
    Path file = Files.createDirectory(folder.resolve("config.json"));
    String message = oneLine(assertThrows(ModelFormatException.class, () -> ConfigJson.read(file)));
    assertTrue(message.contains("is not a regular file"), message);
    assertFalse(message.contains("no such file"), message);
  }
}
