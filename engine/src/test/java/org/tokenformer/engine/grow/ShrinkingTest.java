package org.tokenformer.engine.grow;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.files.ReleasedLayout;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.GoldenCase;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

/** Which parameter tokens are removed, and what the smaller model keeps. */
final class ShrinkingTest {
  private static final int[] IDS = {3, 1, 4, 1, 5, 9, 2, 6};
  private static final List<LayerSizes> LARGE =
      List.of(new LayerSizes(13, 24, 31), new LayerSizes(13, 24, 31));
  private static final List<LayerSizes> SMALL =
      List.of(new LayerSizes(9, 20, 16), new LayerSizes(9, 20, 16));

  @TempDir private Path folder;
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  private static float[] logits(TokenFormer model) {
    try (Session session = model.newSession()) {
      return Tensors.get(model.backend(), session.prefill(IDS));
    }
  }

  private static Set<String> pattentions(TokenFormerConfig config) {
    Set<String> names = new HashSet<>();
    for (int layer = 0; layer < config.layers().size(); layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        names.add(TensorNames.pattention(layer, which));
      }
    }
    return names;
  }

  private static int count(TokenFormerConfig config, String pattention) {
    Shape keys = TensorNames.shapes(config).get(TensorNames.keys(pattention));
    return (int) Objects.requireNonNull(keys).size(0);
  }

  /** Importances given by a function, the same for every Pattention. */
  private static Importance importance(TokenFormerConfig config, IntToDoubleFunction of) {
    Map<String, double[]> all = new HashMap<>();
    for (String name : pattentions(config)) {
      all.put(name, IntStream.range(0, count(config, name)).mapToDouble(of).toArray());
    }
    return new Importance(all);
  }

  @TestFactory
  Stream<DynamicTest> importanceIsTheMeanOfPyTorchsThetasTimesTheNorms() {
    return GoldenCase.tests((golden, computing) -> {
      try (Backend backend = computing.open();
          TokenFormer model = golden.open(backend);
          ImportanceMeter meter = new ImportanceMeter(model, 64)) {
        assertThrows(IllegalStateException.class, meter::importance);
        for (int[] sequence : golden.ids()) {
          meter.accept(Arrays.copyOf(sequence, 64), null);
        }
        Importance importance = meter.importance();
        Map<String, String> names = ReleasedLayout.names(model.config());
        for (String name : pattentions(model.config())) {
          String released = Objects.requireNonNull(names.get(TensorNames.keys(name)));
          double[] mean = golden.thetas(released.replace(".key_param_tokens", "")).data();
          Tensor values = Objects.requireNonNull(model.weights().get(TensorNames.values(name)));
          float[] w = Tensors.get(backend, values);
          double[] actual = importance.of(name);
          for (int n = 0; n < actual.length; n++) {
            double squares = 0;
            for (int c = 0; c < values.columns(); c++) {
              double value = w[n * (int) values.columns() + c];
              squares += value * value;
            }
            double norm = Math.sqrt(squares);
            assertEquals(mean[n] * norm, actual[n], 1e-5 * (1 + mean[n]) * norm, name + " " + n);
          }
        }
      }
    });
  }

  /** Zero keys have score 0 and θ 0 under both gelu kinds, so removing them changes nothing. */
  @ParameterizedTest
  @EnumSource(value = Theta.class, names = "SOFTMAX", mode = EnumSource.Mode.EXCLUDE)
  void tokensWithoutEffectAreRemovedFirst(Theta theta) throws IOException {
    Random random = Seeds.random("tokensThatDoNothingGoFirstAndTheLogitsStay " + theta);
    TokenFormerConfig config =
        Models.config(theta, LARGE, Map.of("layers.1.ffn", 3f, "layers.0.attention.value", 3f));
    Map<String, NamedTensor> tensors =
        Models.byName(Models.weights(config, DType.F32, random, arena));
    TokenFormerConfig sizes = config.withLayers(SMALL, Map.of(), List.of());
    Map<String, int[]> alive = new HashMap<>();
    for (String name : pattentions(config)) {
      int[] shuffled = shuffled(count(config, name), random);
      int kept = count(sizes, name);
      alive.put(name, Arrays.stream(shuffled).limit(kept).sorted().toArray());
      for (int dead : Arrays.copyOfRange(shuffled, kept, shuffled.length)) {
        tensors.computeIfPresent(TensorNames.keys(name), (_, keys) -> withoutRow(keys, dead));
      }
    }
    for (Computing computing : List.of(Computing.SCALAR, Computing.VECTOR_256)) {
      try (Backend backend = computing.open();
          TokenFormer model = ModelLoader.load(config, tensors, backend, () -> {});
          ImportanceMeter meter = new ImportanceMeter(model, IDS.length)) {
        meter.accept(IDS, null);
        Importance importance = meter.importance();
        ShrinkPlan plan = ShrinkPlan.mostImportant(config, SMALL, importance);
        alive.forEach((name, indices) -> check(name, indices, importance.of(name), plan));
        Map<String, NamedTensor> rest = Models.byName(plan.tensors(tensors, arena));
        try (TokenFormer small = ModelLoader.load(plan.config(), rest, backend, () -> {})) {
          float[] expected = logits(model);
          float[] actual = logits(small);
          double max = 0;
          for (float logit : expected) {
            max = Math.max(max, Math.abs(logit));
          }
          for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], 1e-6 * max);
          }
        }
      }
    }
  }

  /** Tokens without effect have importance 0; those with a positive one are kept. */
  private static void check(String name, int[] alive, double[] importance, ShrinkPlan plan) {
    Set<Integer> kept = new HashSet<>(Arrays.stream(plan.kept(name)).boxed().toList());
    for (int n = 0; n < importance.length; n++) {
      if (Arrays.binarySearch(alive, n) < 0) {
        assertEquals(0, importance[n], name + " " + n);
      }
      assertTrue(importance[n] == 0 || kept.contains(n), name + " " + n);
    }
    // gelu of a score below −6 is 0 as well, so a few of the others may have importance 0.
    long important = Arrays.stream(importance).filter(value -> value > 0).count();
    assertTrue(important >= alive.length / 2, name + ": " + important);
  }

  private NamedTensor withoutRow(NamedTensor tensor, int row) {
    MemorySegment copy = arena.allocate(tensor.byteSize(), 64).copyFrom(tensor.data());
    long rowBytes = tensor.byteSize() / tensor.shape().size(0);
    copy.asSlice(row * rowBytes, rowBytes).fill((byte) 0);
    return new NamedTensor(tensor.name(), tensor.dtype(), tensor.shape(), copy);
  }

  private static int[] shuffled(int count, Random random) {
    List<Integer> indices = new ArrayList<>(IntStream.range(0, count).boxed().toList());
    Collections.shuffle(indices, random);
    return indices.stream().mapToInt(Integer::intValue).toArray();
  }

  @Test
  void theMostImportantAreKeptInOrder() {
    TokenFormerConfig config = Models.config(Theta.SOFTMAX, LARGE, Map.of());
    Importance rising = importance(config, n -> n);
    ShrinkPlan plan = ShrinkPlan.mostImportant(config, SMALL, rising);
    assertArrayEquals(IntStream.range(15, 31).toArray(), plan.kept("layers.1.ffn"));
    assertArrayEquals(IntStream.range(4, 13).toArray(), plan.kept("layers.0.attention.key"));
    Importance equal = importance(config, _ -> 0.5);
    plan = ShrinkPlan.mostImportant(config, SMALL, equal);
    assertArrayEquals(IntStream.range(0, 20).toArray(), plan.kept("layers.0.attention.proj"));
    Importance odd = importance(config, n -> n % 2);
    plan = ShrinkPlan.mostImportant(config, SMALL, odd);
    int[] expected = {0, 1, 2, 3, 4, 5, 7, 9, 11};
    assertArrayEquals(expected, plan.kept("layers.1.attention.query"));
    assertEquals(SMALL, plan.config().layers());
  }

  @Test
  void rowsAreCopiedBitForBitInTheirTypes() {
    Random random = Seeds.random("rowsAreCopiedBitForBitInTheirTypes");
    for (DType dtype : List.of(DType.F32, DType.BF16)) {
      TokenFormerConfig config = Models.config(Theta.L2_NORM_GELU, LARGE, Map.of());
      Map<String, NamedTensor> old = Models.byName(Models.weights(config, dtype, random, arena));
      List<LayerSizes> sizes = List.of(new LayerSizes(13, 3, 31), LARGE.get(1));
      ShrinkPlan plan = ShrinkPlan.random(config, sizes, random.nextLong());
      Map<String, NamedTensor> rest = Models.byName(plan.tensors(old, arena));
      assertEquals(TensorNames.shapes(plan.config()).keySet(), rest.keySet());
      int[] kept = plan.kept("layers.0.attention.proj");
      assertEquals(3, kept.length);
      rest.forEach((name, tensor) -> {
        NamedTensor larger = Objects.requireNonNull(old.get(name));
        if (!name.startsWith("layers.0.attention.proj")) {
          assertSame(larger, tensor);
          return;
        }
        assertEquals(dtype, tensor.dtype());
        long rowBytes = 24L * dtype.bytes();
        for (int i = 0; i < kept.length; i++) {
          MemorySegment expected = larger.data().asSlice(kept[i] * rowBytes, rowBytes);
          assertEquals(-1, expected.mismatch(tensor.data().asSlice(i * rowBytes, rowBytes)));
        }
      });
    }
  }

  @ParameterizedTest
  @EnumSource(Theta.class)
  void tauIsKept(Theta theta) {
    float ofSmallFfn = theta.defaultTau(16);
    TokenFormerConfig config =
        Models.config(theta, LARGE, Map.of("layers.0.ffn", ofSmallFfn, "layers.1.ffn", 2.5f));
    List<LayerSizes> sizes = List.of(new LayerSizes(13, 20, 16), new LayerSizes(13, 20, 16));
    TokenFormerConfig small =
        ShrinkPlan.mostImportant(config, sizes, importance(config, n -> -n)).config();
    for (int layer = 0; layer < sizes.size(); layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        assertEquals(config.tau(layer, which), small.tau(layer, which));
      }
    }
    float ofProjection = theta.defaultTau(24);
    assertEquals(
        Map.of(
            "layers.0.attention.proj", ofProjection,
            "layers.1.attention.proj", ofProjection,
            "layers.1.ffn", 2.5f),
        small.taus());
  }

  @Test
  void historyCoversTheKeptTokens() {
    List<LayerSizes> first = List.of(new LayerSizes(4, 6, 10));
    List<LayerSizes> second = List.of(new LayerSizes(8, 24, 10), new LayerSizes(13, 24, 20));
    TokenFormerConfig config =
        Models.config(Theta.GELU_L2_NORM, LARGE, Map.of())
            .withLayers(LARGE, Map.of(), List.of(first, second));
    Map<String, double[]> importance =
        new HashMap<>(importance(config, n -> -n).byPattention()); // the first ones are kept
    ShrinkPlan plan = ShrinkPlan.mostImportant(config, SMALL, new Importance(importance));
    List<LayerSizes> rest = List.of(new LayerSizes(8, 20, 10), new LayerSizes(9, 20, 16));
    assertEquals(List.of(first, rest), plan.config().history());
    // Keys keep 2 to 10, the third and the fourth of the first four among them.
    double[] keys = {0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0};
    importance.put("layers.0.attention.key", keys);
    plan = ShrinkPlan.mostImportant(config, SMALL, new Importance(importance));
    assertEquals(2, plan.config().history().getFirst().getFirst().qkv());
    assertEquals(6, plan.config().history().getLast().getFirst().qkv());
    // The feed-forward network keeps 15 to 30: none of the initial tokens.
    importance.put("layers.0.ffn", IntStream.range(0, 31).mapToDouble(n -> n).toArray());
    plan = ShrinkPlan.mostImportant(config, SMALL, new Importance(importance));
    assertEquals(List.of(), plan.config().history());
  }

  @Test
  void randomTokensDependOnTheSeed() {
    TokenFormerConfig config = Models.config(Theta.SOFTMAX, LARGE, Map.of());
    Set<List<Integer>> choices = new HashSet<>();
    for (long seed = 0; seed < 10; seed++) {
      int[] kept = ShrinkPlan.random(config, SMALL, seed).kept("layers.1.ffn");
      assertArrayEquals(kept, ShrinkPlan.random(config, SMALL, seed).kept("layers.1.ffn"));
      assertArrayEquals(Arrays.stream(kept).distinct().sorted().toArray(), kept);
      assertEquals(16, kept.length);
      assertTrue(kept[0] >= 0 && kept[15] < 31);
      choices.add(Arrays.stream(kept).boxed().toList());
    }
    assertTrue(choices.size() > 8, choices::toString);
    ShrinkPlan plan = ShrinkPlan.random(config, SMALL, 1);
    assertNotEquals(
        Arrays.toString(plan.kept("layers.0.attention.key")),
        Arrays.toString(plan.kept("layers.0.attention.query")));
  }

  @Test
  void refusesInvalidSizes() {
    TokenFormerConfig config = Models.config(Theta.SOFTMAX, LARGE, Map.of());
    Importance equal = importance(config, _ -> 1);
    List<LayerSizes> larger = List.of(LARGE.get(0), new LayerSizes(13, 25, 31));
    String message =
        assertThrows(ConfigException.class, () -> ShrinkPlan.mostImportant(config, larger, equal))
            .getMessage();
    assertEquals("layers.1.attention.proj: 25 is more than its 24 parameter tokens", message);
    List<LayerSizes> one = LARGE.subList(0, 1);
    assertThrows(ConfigException.class, () -> ShrinkPlan.random(config, one, 1));
  }

  @ParameterizedTest
  @EnumSource(Theta.class)
  void aSavedModelIsTheOneThatWasRun(Theta theta) throws IOException {
    TokenFormerConfig config = Models.config(theta, LARGE, Map.of());
    Path old = Models.save(folder.resolve("old"), config, DType.BF16, 5);
    Path target = folder.resolve("small");
    try (ModelFolder model = ModelFolder.open(old, LoadMode.MAP);
        Backend backend = Computing.VECTOR_256.open()) {
      ShrinkPlan plan = ShrinkPlan.random(config, SMALL, 3);
      Shrinking.save(model, plan, target, IfExists.REFUSE);
      try (TokenFormer run = Shrinking.open(model.tensors(), plan, backend);
          TokenFormer saved = ModelLoader.load(ModelFolder.open(target, LoadMode.MAP), backend)) {
        assertEquals(plan.config(), saved.config());
        assertArrayEquals(logits(run), logits(saved));
      }
      exportKeepsTauOrRefuses(plan, target);
    }
  }

  /** τ of the larger model is not the default of the smaller one. */
  private void exportKeepsTauOrRefuses(ShrinkPlan plan, Path target) throws IOException {
    try (ModelFolder small = ModelFolder.open(target, LoadMode.MAP)) {
      if (plan.config().theta() == Theta.L2_NORM_GELU) {
        ModelFormatException refused =
            assertThrows(
                ModelFormatException.class,
                () -> ReleasedLayout.toReleased(target, plan.config(), small.tensors(), arena));
        assertTrue(String.valueOf(refused.getMessage()).contains("τ"), refused.getMessage());
        return;
      }
      List<NamedTensor> released =
          ReleasedLayout.toReleased(target, plan.config(), small.tensors(), arena);
      TokenFormerConfig plain =
          plan.config().withLayers(plan.config().layers(), Map.of(), List.of());
      assertFalse(plan.config().taus().isEmpty());
      List<NamedTensor> back =
          ReleasedLayout.fromReleased(target, plain, Models.byName(released), null, arena);
      try (Backend backend = Computing.SCALAR.open();
          TokenFormer ours = ModelLoader.load(plan.config(), small.tensors(), backend, () -> {});
          TokenFormer theirs = ModelLoader.load(plain, Models.byName(back), backend, () -> {})) {
        float[] expected = logits(ours);
        float[] actual = logits(theirs);
        for (int i = 0; i < expected.length; i++) {
          assertEquals(expected[i], actual[i], 1e-4 * (1 + Math.abs(expected[i])));
        }
      }
    }
  }
}
