package org.tokenformer.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Tensors;

/** A fraction of the tokens computes the same as the model that has only those. */
final class TokenSelectionTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource({
    "50%,1,1",
    "50%,7,4",
    "50%,8,4",
    "55%,100,55",
    "0.000000001%,16777216,1",
    "33.4%,1000,334",
    "100%,7,7",
    "99.999999999%,7,7",
    "007.50%,200,15"
  })
  void aFractionIsRoundedUp(String fraction, int count, int expected) {
    assertEquals(expected, TokenFraction.parse(fraction).of(count));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "%", "50", "-5%", "+5%", "1e1%", "5 %", "5%%", "NaN%", ".5%", "5.%"})
  void invalidFractionsAreRefused(String text) {
    ConfigException e = assertThrows(ConfigException.class, () -> TokenFraction.parse(text));
    assertEquals("tokens must be a percentage such as 50%, not '" + text + "'", e.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"0%,0", "0.000%,0.000", "100.1%,100.1", "101%,101", "999999999%,999999999"})
  void zeroAndMoreThanAllAreRefused(String text, String number) {
    ConfigException e = assertThrows(ConfigException.class, () -> TokenFraction.parse(text));
    assertEquals("tokens must be above 0% and at most 100%, not " + number + "%", e.getMessage());
  }

  @Test
  void fractionsAreComparedAndPrintedAsNumbers() {
    assertEquals(TokenFraction.parse("50%"), TokenFraction.parse("50.0%"));
    assertEquals(TokenFraction.ALL, TokenFraction.parse("100%"));
    assertEquals("100%", TokenFraction.ALL.toString());
    assertEquals("12.5%", TokenFraction.parse("12.50%").toString());
  }

  /** Bit-identical in prefill, chunks and decoding. */
  @ParameterizedTest
  @EnumSource(Computing.class)
  void aFractionEqualsTheTruncatedModel(Computing computing) throws IOException {
    for (Theta theta : Theta.values()) {
      for (DType dtype : List.of(DType.F32, DType.BF16)) {
        TokenFormerConfig config =
            Models.config(theta, Models.config(theta).layers(), Map.of("layers.0.ffn", 4f));
        String name = theta + "-" + dtype;
        Path model = Models.save(folder.resolve(name), config, dtype, 3);
        for (String fraction : List.of("50%", "1%", "99.9%")) {
          TokenSelection tokens = new TokenSelection(TokenFraction.parse(fraction), List.of());
          Path cut = cut(model, folder.resolve(name + fraction), tokens);
          try (Backend backend = computing.open();
              TokenFormer first =
                  ModelLoader.load(
                      ModelFolder.open(model, LoadMode.MAP), tokens, backend, () -> {});
              TokenFormer second = ModelLoader.load(ModelFolder.open(cut, LoadMode.MAP), backend)) {
            assertEquals(second.config(), first.config());
            assertEquals(second.weightBytes(), first.weightBytes());
            assertArrayEquals(logits(second), logits(first), name + " " + fraction);
          }
        }
      }
    }
  }

  private static float[] logits(TokenFormer model) {
    int[] ids = Models.ids(new Random(5), 30);
    List<float[]> all = new ArrayList<>();
    try (Session session = model.newSession()) {
      session.logits(ids, (_, rows) -> all.add(Tensors.get(model.backend(), rows)), null);
      all.add(Tensors.get(model.backend(), session.decode(3)));
    }
    return Tensors.concat(all);
  }

  /** Saves a folder with the first rows only. */
  private static Path cut(Path model, Path target, TokenSelection tokens) throws IOException {
    try (ModelFolder opened = ModelFolder.open(model, LoadMode.MAP)) {
      TokenFormerConfig config = tokens.config(opened.config());
      List<NamedTensor> tensors = new ArrayList<>();
      TensorNames.shapes(config)
          .forEach((name, shape) -> {
            NamedTensor whole = Objects.requireNonNull(opened.tensors().get(name));
            MemorySegment data = whole.data().asSlice(0, shape.bytes(whole.dtype()));
            tensors.add(new NamedTensor(name, whole.dtype(), shape, data));
          });
      Path tokenizer = model.resolve(ModelFolder.TOKENIZER_FILE);
      ModelFolder.save(target, IfExists.REFUSE, config, tensors, tokenizer);
    }
    return target;
  }

  @Test
  void tauStaysThatOfAllTokens() {
    TokenFormerConfig config =
        Models.config(
            Theta.L2_NORM_GELU,
            List.of(new LayerSizes(20, 8, 40)),
            Map.of("layers.0.attention.proj", 2f));
    TokenSelection half = new TokenSelection(TokenFraction.parse("50%"), List.of());
    TokenFormerConfig cut = half.config(config);
    assertEquals(List.of(new LayerSizes(10, 4, 20)), cut.layers());
    for (BlockPattention which : BlockPattention.values()) {
      assertEquals(config.tau(0, which), cut.tau(0, which));
    }
    assertEquals(
        Map.of(
            "layers.0.attention.query", (float) Math.sqrt(20),
            "layers.0.attention.key", (float) Math.sqrt(20),
            "layers.0.attention.value", (float) Math.sqrt(20),
            "layers.0.ffn", (float) Math.sqrt(40)),
        cut.taus()); // 2 is the default of 4 tokens
  }

  @Test
  void theHistoryIsTruncatedToo() {
    List<LayerSizes> first = List.of(new LayerSizes(5, 5, 5));
    List<LayerSizes> now = List.of(new LayerSizes(8, 5, 20), new LayerSizes(1, 1, 1));
    TokenFormerConfig config =
        Models.config(Theta.L2_NORM_GELU, now, Map.of()).withLayers(now, Map.of(), List.of(first));
    TokenSelection some = new TokenSelection(TokenFraction.parse("20%"), List.of());
    TokenFormerConfig cut = some.config(config);
    assertEquals(List.of(new LayerSizes(2, 1, 4), new LayerSizes(1, 1, 1)), cut.layers());
    // The first five are old, and only those remain.
    assertEquals(List.of(List.of(new LayerSizes(2, 1, 4))), cut.history());
    TokenFormerConfig wider = Models.config(Theta.L2_NORM_GELU, first, Map.of());
    wider = wider.withLayers(List.of(new LayerSizes(5, 5, 9)), Map.of(), List.of(first));
    assertEquals(List.of(), some.config(wider).history());
    TokenSelection most = new TokenSelection(TokenFraction.parse("80%"), List.of());
    assertEquals(List.of(List.of(new LayerSizes(4, 4, 5))), most.config(wider).history());
  }

  @Test
  void allTokensAreTheModelItself() {
    TokenFormerConfig config = Models.config(Theta.SOFTMAX);
    assertSame(config, TokenSelection.OWN.config(config));
    TokenSelection all = new TokenSelection(TokenFraction.parse("100.0%"), List.of());
    assertEquals(config, all.config(config));
  }
}
