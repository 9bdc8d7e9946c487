package org.tokenformer.engine.grow;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.grow.GrowthPlan.Size;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.SizeGroup;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;

/** Growth plans: parsing, target sizes and rejected plans. */
final class GrowthPlanTest {
  private static final TokenFormerConfig CONFIG =
      Models.config(
          Theta.L2_NORM_GELU,
          List.of(new LayerSizes(8, 6, 30), new LayerSizes(8, 6, 20)),
          Map.of());

  private static String refused(TokenFormerConfig config, String plan, GrowthInit init) {
    ConfigException e =
        assertThrows(ConfigException.class, () -> Growth.of(config, GrowthPlan.parse(plan), init));
    return String.valueOf(e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ffn=2048",
        "qkv=512@3",
        "proj=7@0-2",
        "layers=8",
        "qkv=1,proj=2@1,ffn=3@0-1,ffn=4@0,layers=3"
      })
  void textsAreReadAndWritten(String text) {
    assertEquals(text, GrowthPlan.parse(text).toString());
    assertEquals(GrowthPlan.parse(text), GrowthPlan.parse(GrowthPlan.parse(text).toString()));
  }

  @Test
  void anyPlanIsReadAsItIsWritten() {
    Random random = Seeds.random("anyPlanIsReadAsItIsWritten");
    for (int round = 0; round < 200; round++) {
      List<Size> sizes = new ArrayList<>();
      for (int i = 1 + random.nextInt(4); i > 0; i--) {
        SizeGroup group = List.of(SizeGroup.values()).get(random.nextInt(3));
        int first = random.nextInt(50);
        boolean all = random.nextBoolean();
        int last = all ? Integer.MAX_VALUE : first + random.nextInt(3);
        sizes.add(new Size(group, 1 + random.nextInt(1 << 24), all ? 0 : first, last));
      }
      GrowthPlan plan = new GrowthPlan(sizes, random.nextBoolean() ? 0 : 1 + random.nextInt(99));
      assertEquals(plan, GrowthPlan.parse(plan.toString()));
    }
  }

  @Test
  void laterSizesApplyAndNewLayersAreLikeTheLast() {
    assertEquals(
        List.of(
            new LayerSizes(9, 6, 40),
            new LayerSizes(9, 6, 50),
            new LayerSizes(9, 6, 50),
            new LayerSizes(9, 70, 60)),
        GrowthPlan.parse("ffn=50,ffn=40@0,qkv=9,layers=4,ffn=60@3,proj=70@3").target(CONFIG));
  }

  @Test
  void theHistoryHoldsTheSizesBefore() {
    TokenFormerConfig once = Growth.of(CONFIG, GrowthPlan.parse("ffn=60"), GrowthInit.ZERO).after();
    TokenFormerConfig twice =
        Growth.of(once, GrowthPlan.parse("layers=3"), GrowthInit.ZERO).after();
    assertEquals(List.of(CONFIG.layers()), once.history());
    assertEquals(List.of(CONFIG.layers(), once.layers()), twice.history());
  }

  /** ‖s‖₂ grows as √N and ‖exp(s)‖₁ as N; zero-initialised keys keep τ. */
  @Test
  void tauStaysOrGrowsWithTheTokens() {
    GrowthPlan plan = GrowthPlan.parse("ffn=60@0");
    Map<String, Float> own = Map.of("layers.0.ffn", 4f, "layers.1.ffn", 5f);
    for (Theta theta : List.of(Theta.L2_NORM_GELU, Theta.GELU_L2_NORM)) {
      TokenFormerConfig config = Models.config(theta, CONFIG.layers(), Map.of());
      assertEquals(
          Map.of("layers.0.ffn", (float) Math.sqrt(30)),
          Growth.of(config, plan, GrowthInit.ZERO).after().taus());
      assertEquals(Map.of(), Growth.of(config, plan, GrowthInit.SPLIT).after().taus());
      assertEquals(Map.of(), Growth.of(config, plan, GrowthInit.RELEASED).after().taus());
      TokenFormerConfig scaled = Models.config(theta, CONFIG.layers(), own);
      assertEquals(own, Growth.of(scaled, plan, GrowthInit.ZERO).after().taus());
      assertEquals(
          Map.of("layers.0.ffn", 4 * (float) Math.sqrt(2), "layers.1.ffn", 5f),
          Growth.of(scaled, plan, GrowthInit.SPLIT).after().taus());
      assertEquals(
          Map.of("layers.1.ffn", 5f), Growth.of(scaled, plan, GrowthInit.RELEASED).after().taus());
    }
    TokenFormerConfig softmax = Models.config(Theta.SOFTMAX, CONFIG.layers(), own);
    assertEquals(
        Map.of("layers.0.ffn", 8f, "layers.1.ffn", 5f),
        Growth.of(softmax, plan, GrowthInit.SPLIT).after().taus());
    // Zero-initialised keys keep τ: a τ equal to the default of 60 is no longer stored for 60
    // tokens.
    TokenFormerConfig back =
        Models.config(
            Theta.L2_NORM_GELU, CONFIG.layers(), Map.of("layers.0.ffn", (float) Math.sqrt(60)));
    assertEquals(Map.of(), Growth.of(back, plan, GrowthInit.ZERO).after().taus());
  }

  @Test
  void softmaxCannotGrowWithZeroKeys() {
    TokenFormerConfig softmax = Models.config(Theta.SOFTMAX, CONFIG.layers(), Map.of());
    assertEquals(
        "init: 'zero' cannot grow a softmax model without changing it, since each new key adds"
            + " exp(0) = 1 to every sum; use 'split' and whole multiples",
        refused(softmax, "ffn=60", GrowthInit.ZERO));
    assertEquals(
        3,
        Growth.of(softmax, GrowthPlan.parse("layers=3"), GrowthInit.ZERO).after().layers().size());
  }

  @Test
  void aSplitNeedsWholeMultiples() {
    assertEquals(
        "ffn: 70 is not a whole multiple of the 30 of layer 0, but 'split' makes the same number"
            + " of copies of every token; use 90, or the init 'zero'",
        refused(CONFIG, "ffn=70@0", GrowthInit.SPLIT));
    TokenFormerConfig softmax = Models.config(Theta.SOFTMAX, CONFIG.layers(), Map.of());
    assertEquals(
        "qkv: 17 is not a whole multiple of the 8 of layer 0, but 'split' makes the same number"
            + " of copies of every token; use 24",
        refused(softmax, "qkv=17", GrowthInit.SPLIT));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "ffn=29 | ffn: 29 is less than the 30 of layer 0; growth only adds, use 'tokenformer shrink'"
            + " to remove tokens",
        "proj=5@1 | proj: 5 is less than the 6 of layer 1; growth only adds, use 'tokenformer shrink'"
            + " to remove tokens",
        "layers=1 | layers: 1 is less than the model's 2; growth only adds",
        "ffn=30@0 | the model already has ffn=30@0; give larger sizes",
        "layers=2,qkv=8 | the model already has qkv=8,layers=2; give larger sizes",
        "ffn=99@2 | ffn=99@2: there is no layer 2; the layers are 0 to 1",
        "ffn=99@1-3 | ffn=99@1-3: there is no layer 3; the layers are 0 to 1",
        "layers=3,ffn=99@3 | ffn=99@3: there is no layer 3; the layers are 0 to 2",
        "ffn=0 | ffn: '0' is not a number of parameter tokens such as 2048, 2048@3 for layer 3 or"
            + " 2048@0-2",
        "ffn=16777217 | ffn must be between 1 and 16777216, not 16777217",
        "layers=4097 | layers must be between 1 and 4096, not 4097",
        "layers=0 | layers must be a number of layers between 1 and 4096, not '0'",
        "layers=12345 | layers must be a number of layers between 1 and 4096, not '12345'",
        "layers= | layers must be a number of layers between 1 and 4096, not ''",
        "ffn | ffn: '' is not a number of parameter tokens such as 2048, 2048@3 for layer 3 or 2048@0-2",
        "ffn=-1 | ffn: '-1' is not a number of parameter tokens such as 2048, 2048@3 for layer 3 or"
            + " 2048@0-2",
        "ffn=9@2-1 | ffn: the last layer of 2-1 is before the first",
        "ffn=1234567890 | ffn: '1234567890' is not a number of parameter tokens such as 2048, 2048@3 for"
            + " layer 3 or 2048@0-2",
        "heads=4 | 'heads=4' is not one of qkv=N, proj=N, ffn=N and layers=N",
        "ffn=64, | '' is not one of qkv=N, proj=N, ffn=N and layers=N",
        "layers=3,layers=4 | layers: is given twice"
      })
  void invalidPlansAreRefused(String plan, String message) {
    assertEquals(message, refused(CONFIG, plan, GrowthInit.ZERO));
  }

  /** Sizes that a program can request but a text cannot. */
  @Test
  void absurdSizesAreRefused() {
    assertEquals("ffn must be between 1 and 16777216, not 0", refusedSize(0, 0, 0));
    assertEquals("ffn must be between 1 and 16777216, not 999999999", refusedSize(999999999, 0, 0));
    assertEquals("ffn: the first layer must be at least 0, not -1", refusedSize(9, -1, 0));
    assertEquals("ffn: the last layer of 3-2 is before the first", refusedSize(9, 3, 2));
    Size beyond = new Size(SizeGroup.FFN, 99, 2, Integer.MAX_VALUE);
    GrowthPlan plan = new GrowthPlan(List.of(beyond), 0);
    ConfigException e = assertThrows(ConfigException.class, () -> plan.target(CONFIG));
    String message = String.valueOf(e.getMessage());
    assertTrue(message.endsWith(": there is no layer 2; the layers are 0 to 1"), message);
  }

  private static String refusedSize(int count, int firstLayer, int lastLayer) {
    ConfigException e =
        assertThrows(
            ConfigException.class, () -> new Size(SizeGroup.FFN, count, firstLayer, lastLayer));
    assertEquals("ffn", e.field());
    return String.valueOf(e.getMessage());
  }

  @Test
  void foreignTextIsQuoted() {
    assertEquals(
        "'a\\u001b' is not one of qkv=N, proj=N, ffn=N and layers=N",
        refused(CONFIG, "a\033", GrowthInit.ZERO));
    assertEquals(
        "layers must be a number of layers between 1 and 4096, not '\\u001b'",
        refused(CONFIG, "layers=\033", GrowthInit.ZERO));
    assertTrue(refused(CONFIG, "ffn=\033", GrowthInit.ZERO).startsWith("ffn: '\\u001b' is not"));
  }

  @Test
  void anEmptyOrAbsurdPlanIsRefused() {
    ConfigException empty = assertThrows(ConfigException.class, () -> new GrowthPlan(List.of(), 0));
    assertEquals(
        "nothing to grow: give at least one of qkv, proj, ffn and layers", empty.getMessage());
    for (int layers : new int[] {-1, 4097, Integer.MAX_VALUE}) {
      ConfigException e =
          assertThrows(ConfigException.class, () -> new GrowthPlan(List.of(), layers));
      assertEquals("layers must be between 1 and 4096, not " + layers, e.getMessage());
    }
  }

  @Test
  void growthsOfAModelAreLimited() {
    TokenFormerConfig config = CONFIG;
    for (int i = 1; i < 1024; i++) {
      GrowthPlan plan = GrowthPlan.parse("ffn=" + (30 + i));
      config = Growth.of(config, plan, GrowthInit.ZERO).after();
    }
    assertEquals(
        "history: 1024 growths; a model can have at most 1023",
        refused(config, "ffn=2000", GrowthInit.ZERO));
  }
}
