package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReleasedConfigReaderTest {
  @TempDir Path folder = Path.of("");

  @Test
  void readsAFlowMappingWithCommentsTrailingCommasAndPythonsWords() throws IOException {
    Map<String, @Nullable Object> settings =
        read(
            """
            {
              # the size of the model
              "num_layers": 12, "rotary_pct": 0.25, "layernorm_epsilon": 1.0e-5, "eps": 1e-8,
              "norm_activation_type": "l2_norm_gelu", # "gelu_l2_norm", "softmax"
              "attention_config": [[["tokenformer"], 12]],
              "checkpoint_validation_with_forward_pass": False,
              "no_weight_tying": true, 'gpt_j_residual': True,
              "attention_softmax_in_fp32": None, "eod": "None",
              "zero_optimization": {"stage": 1, "allgather_bucket_size": 5000000000,},
            }
            """);
    assertEquals(12, settings.get("num_layers"));
    assertEquals(0.25, settings.get("rotary_pct"));
    assertEquals(1e-5, settings.get("layernorm_epsilon"));
    assertEquals(1e-8, settings.get("eps"));
    assertEquals("l2_norm_gelu", settings.get("norm_activation_type"));
    assertEquals(List.of(List.of(List.of("tokenformer"), 12)), settings.get("attention_config"));
    assertEquals(false, settings.get("checkpoint_validation_with_forward_pass"));
    assertEquals(true, settings.get("no_weight_tying"));
    assertEquals(true, settings.get("gpt_j_residual"));
    assertTrue(settings.containsKey("attention_softmax_in_fp32"));
    assertNull(settings.get("attention_softmax_in_fp32"));
    assertEquals("None", settings.get("eod"));
    assertEquals(
        Map.of("stage", 1, "allgather_bucket_size", 5_000_000_000L),
        settings.get("zero_optimization"));
    assertEquals("num_layers", settings.keySet().iterator().next());
  }

  @Test
  void readsABlockMapping() throws IOException {
    assertEquals(
        Map.of("hidden-size", 64, "fp16", Map.of("enabled", false)),
        read("hidden-size: 64\nfp16:\n  enabled: False\n"));
  }

  @Test
  void refusesWhatIsNoMapping() {
    assertRefused("expected a mapping of settings", "[1, 2]");
    assertRefused("expected a mapping of settings", "");
    assertRefused("expected a mapping of settings", "# a comment\n");
    assertRefused("expected a mapping of settings", "tokenformer");
    assertRefused(
        "line 2, column 1: not a released config in YAML: unexpected syntax", "a: 1\n--- \nb: 2\n");
    assertRefused("the key '1' is not a name", "{1: 2}");
    assertRefused("line 1", "{\"a\": ");
    assertRefused("the character U+0007 at offset 6 is not allowed", "{\"a\": \u0007}");
  }

  @Test
  void refusesTagsAnchorsAndKeysGivenTwice() {
    assertRefused(
        "line 1, column 7: not a released config in YAML: the tag"
            + " 'tag:yaml.org,2002:python/object/apply:os.system' is not accepted",
        "{\"a\": !!python/object/apply:os.system ['true']}");
    assertRefused("the tag 'tag:yaml.org,2002:binary' is not accepted", "a: !!binary AAAA");
    assertRefused("anchors and aliases are not accepted", "a: &x [1]\nb: [*x, *x]\n");
    assertRefused("line 2, column 1", "a: 1\na: 2\n");
    assertRefused("a key is given twice", "a: 1\na: 2\n");
  }

  @Test
  void refusesWhatIsTooDeepOrTooLong() {
    assertRefused("nested deeper than 32 levels", "a: " + "[".repeat(100_000));
    assertRefused(
        "line 1: more than 1048576 bytes must be read at once", "#".repeat((1 << 20) + 1));
  }

  @Test
  void refusesBytesThatAreNotUtf8() throws IOException {
    Path file = Files.write(folder.resolve("config.yml"), new byte[] {'a', ':', ' ', (byte) 0xff});
    var e = assertThrows(Exception.class, () -> ReleasedConfigReader.read(file));
    assertEquals(
        file
            + ": line 1 is not UTF-8: invalid byte at position 4 of the line; convert the text to UTF-8",
        e.getMessage());
  }

  private void assertRefused(String message, String yaml) {
    var e = assertThrows(Exception.class, () -> read(yaml));
    String text = Objects.toString(e.getMessage());
    assertTrue(text.startsWith(folder.resolve("config.yml").toString()), text);
    assertTrue(text.contains(message), text);
    assertTrue(text.lines().count() == 1, text);
  }

  private Map<String, @Nullable Object> read(String yaml) throws IOException {
    return ReleasedConfigReader.read(Files.writeString(folder.resolve("config.yml"), yaml));
  }
}
