package org.tokenformer.engine.grow;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.SafetensorsFile;
import org.tokenformer.engine.checkpoint.SafetensorsWriter;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.training.Backpropagation;
import org.tokenformer.engine.model.training.DropoutSeeds;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.train.Optimizer;
import org.tokenformer.engine.train.OptimizerOptions;

/** Packs add trained tokens, leave the base unchanged, and fit no other base. */
final class PacksTest {
  private static final String PLAN = "ffn=70,qkv=30@1";
  private static final String OTHER_PLAN = "proj=33,ffn=64@0";
  private static final int[] IDS = Models.ids(new Random(9), 40);

  @TempDir private Path folder;
  private Path base;

  @BeforeEach
  void save() throws IOException {
    base = PackFixtures.base(folder.resolve("base"), Theta.L2_NORM_GELU, DType.F32);
  }

  private Path pack(String name, String plan, long seed) throws IOException {
    Path grown = PackFixtures.trained(base, folder.resolve(name + ".model"), plan, seed);
    return PackFixtures.pack(base, grown, folder.resolve(name));
  }

  private static TokenFormer attached(Path base, List<Path> files, String fraction, Backend backend)
      throws IOException {
    ModelFolder folder = PackFixtures.open(base);
    TokenFraction tokens = TokenFraction.parse(fraction);
    Packs packs = Packs.open(files, folder, tokens, LoadMode.MAP);
    return ModelLoader.load(folder, packs.selection(tokens), backend, packs::close);
  }

  private static float[] logits(TokenFormer model) {
    return Growths.logits(model, IDS, 10);
  }

  private Path merged(String name, List<Path> files) throws IOException {
    Path target = folder.resolve(name);
    try (ModelFolder opened = PackFixtures.open(base);
        Packs packs = Packs.open(files, opened, TokenFraction.ALL, LoadMode.MAP)) {
      TokenFormerConfig _ = packs.mergeTo(opened, target, IfExists.REFUSE);
    }
    return target;
  }

  @ParameterizedTest
  @EnumSource(Computing.class)
  void attachedIsBitIdenticalToMerged(Computing computing) throws IOException {
    for (Theta theta : List.of(Theta.L2_NORM_GELU, Theta.GELU_L2_NORM)) {
      for (DType dtype : List.of(DType.F32, DType.BF16, DType.F16)) {
        String name = theta + "-" + dtype;
        base = PackFixtures.base(folder.resolve(name), theta, dtype);
        Path one = pack(name + ".one", PLAN, 1);
        Path two = pack(name + ".two", OTHER_PLAN, 2);
        for (List<Path> packs : List.of(List.of(one), List.of(one, two), List.of(two, one))) {
          Path merged = merged(name + packs.size() + packs.getFirst().getFileName(), packs);
          try (Backend backend = computing.open();
              TokenFormer model = attached(base, packs, "100%", backend);
              TokenFormer own = ModelLoader.load(PackFixtures.open(merged), backend)) {
            assertEquals(own.config(), model.config());
            assertArrayEquals(logits(own), logits(model), name + packs);
          }
        }
      }
    }
  }

  /** The base with the pack computes the same as the trained model that the pack was saved from. */
  @Test
  void attachedIsBitIdenticalToTheTrainedModel() throws IOException {
    Path pack = pack("pack", PLAN, 1);
    try (Backend backend = Computing.VECTOR_256.open();
        TokenFormer model = attached(base, List.of(pack), "100%", backend);
        TokenFormer trained =
            ModelLoader.load(PackFixtures.open(folder.resolve("pack.model")), backend)) {
      assertEquals(trained.config(), model.config());
      assertArrayEquals(logits(trained), logits(model));
      assertEquals(trained.weightBytes(), model.weightBytes());
    }
  }

  @Test
  void detachingLeavesNoTrace() throws IOException {
    Path weights = base.resolve(ModelFolder.WEIGHTS_FILE);
    byte[] bytes = Files.readAllBytes(weights);
    Path pack = pack("pack", PLAN, 1);
    long memory = HostScope.liveBytes();
    try (Backend backend = Computing.VECTOR_256.open()) {
      float[] before;
      try (TokenFormer model = ModelLoader.load(PackFixtures.open(base), backend)) {
        before = logits(model);
      }
      try (TokenFormer model = attached(base, List.of(pack), "100%", backend)) {
        assertTrue(Growths.relativeChange(before, logits(model)) > 0.01);
      }
      try (TokenFormer model = ModelLoader.load(PackFixtures.open(base), backend)) {
        assertArrayEquals(before, logits(model));
      }
    }
    assertEquals(memory, HostScope.liveBytes());
    assertArrayEquals(bytes, Files.readAllBytes(weights));
  }

  @Test
  void packsMayBeClosedTwice() throws IOException {
    Path pack = pack("pack", PLAN, 1);
    try (ModelFolder opened = PackFixtures.open(base)) {
      Packs packs = Packs.open(List.of(pack), opened, TokenFraction.ALL, LoadMode.MAP);
      packs.close();
      packs.close();
    }
  }

  /** The same tokens twice are an error, under any name. */
  @Test
  void aPackCanBeNamedOnlyOnce() throws IOException {
    Path pack = pack("pack", PLAN, 1);
    Path other = pack("other", OTHER_PLAN, 2);
    Path renamed = PackFixtures.pack(base, folder.resolve("pack.model"), folder.resolve("renamed"));
    try (ModelFolder opened = PackFixtures.open(base)) {
      for (Path again : List.of(pack, renamed)) {
        List<Path> files = List.of(pack, other, again);
        ModelFormatException e =
            assertThrows(
                ModelFormatException.class,
                () -> Packs.open(files, opened, TokenFraction.ALL, LoadMode.MAP));
        assertEquals(
            "%s: holds the same parameter tokens as %s; name each pack once".formatted(again, pack),
            e.getMessage());
      }
    }
  }

  @Test
  void aProgramNamesItsPacks() throws IOException {
    Path pack = pack("pack", PLAN, 1);
    LanguageModel.Options options = LanguageModel.Options.defaults();
    long memory = HostScope.liveBytes();
    try (LanguageModel model = LanguageModel.load(base, options.withPacks(List.of(pack)));
        LanguageModel trained = LanguageModel.load(folder.resolve("pack.model"))) {
      assertArrayEquals(trained.score(IDS), model.score(IDS));
      assertEquals(70, model.config().layers().getFirst().ffn());
    }
    try (LanguageModel half =
        LanguageModel.load(base, options.withTokens(TokenFraction.parse("50%")))) {
      assertEquals(16, half.config().layers().getFirst().ffn());
    }
    Path none = folder.resolve("none");
    assertThrows(
        IOException.class, () -> LanguageModel.load(base, options.withPacks(List.of(pack, none))));
    assertEquals(memory, HostScope.liveBytes());
  }

  /** A prefix applies to the base's tokens; all tokens of a pack are used. */
  @Test
  void aFractionAppliesToTheBaseOnly() throws IOException {
    Path pack = pack("pack", PLAN, 1);
    try (Backend backend = Computing.VECTOR_256.open();
        TokenFormer model = attached(base, List.of(pack), "50%", backend)) {
      TokenFormerConfig config = model.config();
      assertEquals(7 + 0, config.layers().get(0).qkv());
      assertEquals(16 + 70 - 31, config.layers().get(0).ffn());
      assertEquals(12 + 6, config.layers().get(1).qkv());
      assertEquals(25 + 20, config.layers().get(1).ffn());
      assertEquals(5f, config.taus().get("layers.1.ffn"));
      assertEquals((float) Math.sqrt(31), config.taus().get("layers.0.ffn"));
    }
  }

  /** Norms and importances cover the tokens in use, whichever matrices hold them. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "BF16"})
  void importanceIsThatOfTheTokensInUse(DType dtype) throws IOException {
    base = PackFixtures.base(folder.resolve("base-" + dtype), Theta.L2_NORM_GELU, dtype);
    Path pack = pack("pack", PLAN, 1);
    TokenFraction fraction = TokenFraction.parse("50%");
    Path cut = PackFixtures.cut(base, folder.resolve("cut"), fraction);
    try (Backend backend = Computing.VECTOR_256.open()) {
      assertSameImportance(
          ModelLoader.load(PackFixtures.open(merged("merged", List.of(pack))), backend),
          attached(base, List.of(pack), "100%", backend));
      assertSameImportance(
          ModelLoader.load(PackFixtures.open(cut), backend),
          attached(base, List.of(), fraction.toString(), backend));
    }
  }

  private static void assertSameImportance(TokenFormer own, TokenFormer composed) {
    try (own;
        composed;
        ImportanceMeter expected = new ImportanceMeter(own, IDS.length);
        ImportanceMeter actual = new ImportanceMeter(composed, IDS.length)) {
      expected.accept(IDS, null);
      actual.accept(IDS, null);
      Importance importance = actual.importance();
      for (int layer = 0; layer < own.config().layers().size(); layer++) {
        for (BlockPattention which : BlockPattention.values()) {
          String name = TensorNames.pattention(layer, which);
          int count = own.config().layers().get(layer).of(which);
          double[] values = expected.importance().of(name);
          assertEquals(count, values.length, name);
          assertArrayEquals(values, importance.of(name), name);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "embedding.weight",
    "norm.weight",
    "norm.bias",
    "layers.0.attention.key.key_param_tokens",
    "layers.1.attention.proj.value_param_tokens"
  })
  void aModelThatChangedItsBaseMakesNoPack(String tensor) throws IOException {
    Path grown = PackFixtures.trained(base, folder.resolve("grown"), PLAN, 1);
    Path changed = PackFixtures.touched(grown, folder.resolve("changed"), tensor);
    if (tensor.contains(".proj.") || !tensor.startsWith("layers")) {
      assertEquals(
          "%s: cannot be saved as a pack for %s: %s was changed; train with --freeze-old"
              .formatted(changed, base, tensor),
          refused(base, changed));
    }
    Path other = PackFixtures.touched(base, folder.resolve("other"), tensor);
    assertTrue(refused(other, grown).endsWith(tensor + " was changed; train with --freeze-old"));
  }

  private String refused(Path base, Path grown) {
    Path file = folder.resolve("refused");
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> PackFixtures.pack(base, grown, file));
    assertFalse(Files.exists(file));
    return String.valueOf(e.getMessage());
  }

  @Test
  void aModelThatIsNoGrowthOfItsBaseMakesNoPack() throws IOException {
    Path grown = PackFixtures.trained(base, folder.resolve("grown"), PLAN, 1);
    Path deeper = PackFixtures.trained(base, folder.resolve("deeper"), "layers=3", 1);
    assertEquals(
        "%s: cannot be saved as a pack for %s: it has 3 layers instead of 2; a pack holds parameter tokens only"
            .formatted(deeper, base),
        refused(base, deeper));
    assertTrue(
        refused(grown, base)
            .endsWith(
                "layers.0.ffn has 31 tokens instead of 70; name the model that it grew from"));
    assertTrue(
        refused(base, base)
            .endsWith("no parameter tokens were added; grow it first with 'tokenformer grow'"));
    Path scaled =
        PackFixtures.configured(
            grown,
            folder.resolve("scaled"),
            c -> c.withLayers(c.layers(), Map.of("layers.1.ffn", 5f), c.history()));
    assertTrue(
        refused(base, scaled)
            .endsWith("instead of 5.5677643; grow with the init 'zero', which keeps τ"));
    Path softmax = PackFixtures.base(folder.resolve("softmax"), Theta.SOFTMAX, DType.F32);
    assertTrue(
        refused(softmax, grown)
            .endsWith(
                "its norm_activation_type is l2_norm_gelu instead of softmax; name the model that"
                    + " it grew from"));
    ConfigException name =
        assertThrows(
            ConfigException.class,
            () -> {
              try (ModelFolder one = PackFixtures.open(base);
                  ModelFolder two = PackFixtures.open(grown)) {
                PackWriter.save(one, two, "a\nb", folder.resolve("refused"));
              }
            });
    assertEquals(
        "name must be one line of 1 to 200 characters, not 'a\\u000ab'", name.getMessage());
  }

  @Test
  void aPackForAnotherBaseIsRefused() throws IOException {
    Path pack = pack("pack", PLAN, 1);
    for (String tensor : List.of("embedding.weight", "layers.0.ffn.key_param_tokens")) {
      Path other = PackFixtures.touched(base, folder.resolve("other-" + tensor), tensor);
      assertForeign(other, pack);
    }
    assertForeign(
        PackFixtures.configured(
            base,
            folder.resolve("tau"),
            c -> c.withLayers(c.layers(), Map.of("layers.1.ffn", 6f), List.of())),
        pack);
    assertForeign(
        PackFixtures.configured(base, folder.resolve("ids"), c -> Models.withTokenizerIds(c, 36)),
        pack);
    assertForeign(folder.resolve("pack.model"), pack);
  }

  private static void assertForeign(Path other, Path pack) throws IOException {
    try (ModelFolder opened = PackFixtures.open(other)) {
      ModelFormatException e =
          assertThrows(
              ModelFormatException.class,
              () -> Packs.open(List.of(pack), opened, TokenFraction.ALL, LoadMode.MAP));
      String message = String.valueOf(e.getMessage());
      assertTrue(
          message.startsWith(
              pack + ": does not belong to " + other + ": its base has the fingerprint"),
          message);
      assertTrue(message.endsWith("; attach it to the model that it was trained on"), message);
    }
  }

  /** Neither the type of the weights nor the growth history is part of a model's fingerprint. */
  @Test
  void aBaseAndItsCopyInAWiderTypeAreTheSame() throws IOException {
    Path narrow = PackFixtures.base(folder.resolve("narrow"), Theta.L2_NORM_GELU, DType.BF16);
    Path wide = folder.resolve("wide");
    try (ModelFolder opened = PackFixtures.open(narrow);
        Arena arena = Arena.ofConfined()) {
      List<NamedTensor> tensors = new ArrayList<>();
      for (NamedTensor tensor : opened.tensors().values()) {
        tensors.add(PackFixtures.changed(tensor, 0, arena, value -> value));
      }
      TokenFormerConfig config = opened.config();
      List<List<LayerSizes>> history = List.of(config.layers());
      ModelFolder.save(
          wide,
          IfExists.REFUSE,
          config.withLayers(config.layers(), config.taus(), history),
          tensors,
          PackFixtures.tokenizer(narrow));
    }
    base = narrow;
    Path pack = pack("pack", PLAN, 1);
    try (Backend backend = Computing.VECTOR_256.open();
        TokenFormer first = attached(narrow, List.of(pack), "100%", backend);
        TokenFormer second = attached(wide, List.of(pack), "100%", backend)) {
      assertArrayEquals(logits(first), logits(second));
    }
  }

  /** For a model whose weights are 0, 1/8, 2/8 and so on; computed with Python's hashlib. */
  @Test
  void theFingerprintIsASha256() {
    TokenFormerConfig config =
        new TokenFormerConfig(
            4,
            1,
            List.of(new LayerSizes(1, 2, 3)),
            3,
            2,
            16,
            Theta.L2_NORM_GELU,
            Map.of("layers.0.ffn", 2.5f),
            0.5,
            10000,
            1e-5f,
            true);
    Map<String, NamedTensor> weights = new LinkedHashMap<>();
    try (Arena arena = Arena.ofConfined()) {
      int next = 0;
      for (Map.Entry<String, Shape> entry : TensorNames.shapes(config).entrySet()) {
        MemorySegment data = arena.allocate(entry.getValue().bytes(DType.F32), 64);
        for (int i = 0; i < entry.getValue().elements(); i++) {
          data.setAtIndex(ValueLayout.JAVA_FLOAT, i, next++ / 8f);
        }
        String name = entry.getKey();
        weights.put(name, new NamedTensor(name, DType.F32, entry.getValue(), data));
      }
      Locale usual = Locale.getDefault();
      for (Locale locale : List.of(usual, Locale.forLanguageTag("ar-EG-u-nu-arab"))) {
        try {
          Locale.setDefault(locale); // a locale with other digits
          assertEquals(
              "b99eaf1770d1ea1e3f79df14a53607d50be020bd7565119f3a3eda9481f47057",
              BaseFingerprint.of(config, weights),
              locale.toString());
        } finally {
          Locale.setDefault(usual);
        }
      }
    }
  }

  /** From BF16 through an F32 training copy of which only new tokens were trained. */
  @Test
  void tokensTrainedFromABf16BaseMakeAPack() throws IOException {
    base = PackFixtures.base(folder.resolve("narrow"), Theta.GELU_L2_NORM, DType.BF16);
    Path trained = folder.resolve("trained");
    try (ModelFolder opened = PackFixtures.open(base);
        Arena arena = Arena.ofConfined();
        Backend backend = Computing.VECTOR_256.open()) {
      Growth growth = Growth.of(opened.config(), GrowthPlan.parse(PLAN), GrowthInit.ZERO);
      Map<String, NamedTensor> weights =
          growth.weights(opened.tensors(), InitialValues.SCALED, 1, arena);
      try (TrainableModel model = new TrainableModel(growth.after(), weights, backend, true);
          Backpropagation backpropagation =
              new Backpropagation(model, new TrainingShape(1, IDS.length, false));
          Optimizer optimizer = new Optimizer(model, OptimizerOptions.defaults())) {
        for (int step = 1; step <= 3; step++) {
          backpropagation.zeroGradients();
          DropoutSeeds seeds = new DropoutSeeds(1, step, 0);
          backpropagation.accumulateGradients(IDS, IDS, 1f / IDS.length, 0.1f, seeds, null);
          optimizer.step(
              step, 1e-2, backpropagation.gradients(), optimizer.norm(backpropagation.gradients()));
        }
        List<NamedTensor> tensors = new ArrayList<>();
        model
            .model()
            .weights()
            .forEach((name, tensor) -> {
              MemorySegment data = arena.allocate(tensor.byteSize(), 64);
              backend.download(tensor, data);
              tensors.add(new NamedTensor(name, tensor.dtype(), tensor.shape(), data));
            });
        Path tokenizer = PackFixtures.tokenizer(base);
        ModelFolder.save(trained, IfExists.REFUSE, growth.after(), tensors, tokenizer);
      }
    }
    Path pack = PackFixtures.pack(base, trained, folder.resolve("pack"));
    try (Backend backend = Computing.VECTOR_256.open();
        TokenFormer expected = ModelLoader.load(PackFixtures.open(trained), backend);
        TokenFormer model = attached(base, List.of(pack), "100%", backend)) {
      assertArrayEquals(logits(expected), logits(model));
    }
  }

  private String hostile(Map<String, String> metadata, List<NamedTensor> tensors)
      throws IOException {
    Path file = folder.resolve("hostile");
    SafetensorsWriter.write(file, tensors, metadata);
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> Pack.open(file, LoadMode.MAP));
    String message = String.valueOf(e.getMessage());
    assertEquals(1, message.lines().count(), message);
    assertTrue(message.startsWith(file + ": is not a "), message);
    return message;
  }

  private static NamedTensor floats(String name, long rows, long columns) {
    Shape shape = Shape.of(rows, columns);
    byte[] bytes = new byte[(int) shape.bytes(DType.F32)];
    return new NamedTensor(name, DType.F32, shape, MemorySegment.ofArray(bytes));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tokenformer_pack | | is not a pack; tokenformer pack save makes one from a grown model",
        "tokenformer_pack | 2 | its version is 2 instead of 1; save it again",
        "name | | metadata has no name; copy or download it again",
        "name | a\\nb | metadatas name a\\u000ab is not one line of 1 to 200 characters",
        "base_sha256 | | metadata has no base_sha256",
        "base_sha256 | 12ab | metadatas base_sha256 12ab is not a SHA-256",
        "base_num_layers | 5000 | metadatas base_num_layers 5000 is more than 4096",
        "base_num_layers | -2 | metadatas base_num_layers -2 is not a number from 1 to 999999999",
        "base_num_layers | 1 | does not hold keys or values of a Pattention of its base",
        "base_hidden_size | 25 | tokens of its base are (N, 25)",
        "base_hidden_size | x | metadatas base_hidden_size x is not a number from 1 to 999999999",
        "parameter_tokens | 1e9 | metadatas parameter_tokens 1e9 is not a number from 1 to 999999999",
        "parameter_tokens | 99999999999999999999 | is not a number from 1 to 999999999",
        "parameter_tokens | 5 | it has 77 parameter tokens, but its metadata says 5",
      })
  void aPackWithBrokenMetadataIsRefused(String key, String value, String part) throws IOException {
    Path pack = pack("pack", PLAN, 1);
    try (SafetensorsFile file = SafetensorsFile.open(pack)) {
      Map<String, String> metadata = new LinkedHashMap<>(file.metadata());
      if (value == null) {
        metadata.remove(key);
      } else {
        metadata.put(key, value.replace("\\n", "\n"));
      }
      String message = hostile(metadata, List.copyOf(file.tensors().values()));
      assertTrue(message.replace("'", "").contains(part), message);
    }
  }

  @Test
  void aPackWithBrokenTensorsIsRefused() throws IOException {
    Path pack = pack("pack", "ffn=60@1", 1);
    String ffn = "layers.1.ffn.";
    String keys = ffn + "key_param_tokens";
    String values = ffn + "value_param_tokens";
    Map<String, String> metadata;
    try (SafetensorsFile file = SafetensorsFile.open(pack)) {
      assertEquals(Set.of(keys, values), file.tensors().keySet());
      metadata = file.metadata();
      assertEquals("10", metadata.get("parameter_tokens"));
    }
    NamedTensor good = floats(values, 10, 24);
    NamedTensor nan = floats(keys, 10, 24);
    MemorySegment data = Arena.ofAuto().allocate(nan.byteSize());
    data.setAtIndex(ValueLayout.JAVA_FLOAT, 100, Float.NaN);
    nan = new NamedTensor(keys, DType.F32, nan.shape(), data);
    NamedTensor integers =
        new NamedTensor(keys, DType.I32, nan.shape(), floats(keys, 10, 24).data());
    NamedTensor vector =
        new NamedTensor(keys, DType.F32, Shape.of(240), floats(keys, 10, 24).data());
    String query = "layers.0.attention.query.";
    Map<List<NamedTensor>, String> cases = new LinkedHashMap<>();
    cases.put(List.of(good), "layers.1.ffn has values without keys");
    cases.put(List.of(floats(keys, 10, 24)), "layers.1.ffn has keys without values");
    cases.put(List.of(), "it has 0 parameter tokens, but its metadata says 10");
    cases.put(List.of(floats(keys, 9, 24), good), "has keys of (9, 24) and values of (10, 24)");
    cases.put(
        List.of(floats(keys, 10, 23), good), "is (10, 23), but tokens of its base are (N, 24)");
    cases.put(List.of(floats(keys, 0, 24), good), "is (0, 24), but tokens of its base are (N, 24)");
    cases.put(List.of(vector, good), "is (240), but tokens of its base are (N, 24)");
    cases.put(List.of(integers, good), "is I32, but weights must be F32, BF16, F16 or F64");
    cases.put(List.of(nan, good), "tensor " + keys + " holds NaN or infinite weights");
    cases.put(
        List.of(floats(keys, 10, 24), good, floats("embedding.weight", 40, 24)),
        "tensor 'embedding.weight' does not hold keys or values of a Pattention of its base");
    cases.put(
        List.of(
            floats(query + "key_param_tokens", 10, 24),
            floats(query + "value_param_tokens", 10, 24)),
        "query, key and value of layer 0 must have equally many tokens, not 10, 0 and 0");
    for (Map.Entry<List<NamedTensor>, String> hostile : cases.entrySet()) {
      String message = hostile(metadata, hostile.getKey());
      assertTrue(message.contains(hostile.getValue()), message);
    }
    // The sizes of another base with the fingerprint of this one.
    Map<String, String> more = new LinkedHashMap<>(metadata);
    more.put("base_num_layers", "3");
    Path file = folder.resolve("lying");
    SafetensorsWriter.write(file, List.of(floats(keys, 10, 24), good), more);
    try (ModelFolder opened = PackFixtures.open(base)) {
      ModelFormatException e =
          assertThrows(
              ModelFormatException.class,
              () -> Packs.open(List.of(file), opened, TokenFraction.ALL, LoadMode.MAP));
      assertTrue(
          String.valueOf(e.getMessage())
              .endsWith("the sizes in its metadata are not those of its base"));
    }
  }

  @Test
  void aPackThatIsCutShortAnywhereIsRefused() throws IOException {
    byte[] whole = Files.readAllBytes(pack("pack", PLAN, 1));
    Path cut = folder.resolve("cut");
    for (int length = 0; length < whole.length; length += 1 + length / 8) {
      Files.write(cut, Arrays.copyOf(whole, length));
      IOException e = assertThrows(IOException.class, () -> Pack.open(cut, LoadMode.MAP));
      assertTrue(String.valueOf(e.getMessage()).startsWith(cut + ": "), e.getMessage());
    }
  }

  @Test
  void packsThatTogetherExceedALimitAreRefused() throws IOException {
    List<LayerSizes> layers = List.of(new LayerSizes(8, 8, 1100));
    TokenFormerConfig config = Models.config(Theta.L2_NORM_GELU, layers, Map.of());
    base = Models.save(folder.resolve("wide"), config, DType.F32, 3);
    Path pack = pack("pack", "ffn=1101", 1);
    List<List<LayerSizes>> history = new ArrayList<>();
    for (int i = 1; i <= 1023; i++) {
      history.add(List.of(new LayerSizes(8, 8, i)));
    }
    Path often =
        PackFixtures.configured(
            base, folder.resolve("often"), c -> c.withLayers(layers, Map.of(), history));
    try (ModelFolder opened = PackFixtures.open(often)) {
      ModelFormatException e =
          assertThrows(
              ModelFormatException.class,
              () -> Packs.open(List.of(pack), opened, TokenFraction.ALL, LoadMode.MAP));
      assertEquals(
          pack + ": does not fit its base: history: 1024 growths; a model can have at most 1023",
          e.getMessage());
    }
  }
}
