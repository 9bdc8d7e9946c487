package org.tokenformer.engine.model.files;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.TorchCheckpoint;
import org.tokenformer.engine.checkpoint.TorchCheckpointWriter;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Tensors;

/** Export and import: released names, settings, types and scales. */
final class ReleasedLayoutTest {
  private static final Path SETTINGS = Path.of("config.yml");
  private static final Path CHECKPOINT = Path.of("pytorch_model.bin");
  private static final Path MODEL = Path.of("model");
  private static final List<LayerSizes> LAYERS =
      List.of(new LayerSizes(13, 24, 31), new LayerSizes(13, 24, 31));

  @TempDir private Path folder;
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  private static TokenFormerConfig config(Theta theta) {
    return Models.config(theta, LAYERS, Map.of());
  }

  private List<NamedTensor> weights(TokenFormerConfig config) {
    return Models.weights(config, DType.F32, new Random(6), arena);
  }

  private Map<String, NamedTensor> released(TokenFormerConfig config) throws IOException {
    return Models.byName(
        ReleasedLayout.toReleased(MODEL, config, Models.byName(weights(config)), arena));
  }

  private static String oneLine(Throwable e) {
    String message = String.valueOf(e.getMessage());
    assertTrue(message.chars().noneMatch(Character::isISOControl), message);
    return message;
  }

  @ParameterizedTest
  @EnumSource(value = Theta.class)
  void exportedIsImported(Theta theta) throws IOException {
    for (boolean tied : new boolean[] {true, false}) {
      TokenFormerConfig config =
          new TokenFormerConfig(24, 3, LAYERS, 40, 37, 300, theta, Map.of(), 0.5, 500, 1e-6f, tied);
      List<NamedTensor> tensors = weights(config);
      Path file = folder.resolve("pytorch_model.bin");
      TorchCheckpointWriter.write(
          file,
          List.copyOf(ReleasedLayout.toReleased(MODEL, config, Models.byName(tensors), arena)));
      try (TorchCheckpoint torch = TorchCheckpoint.open(file)) {
        TokenFormerConfig read =
            ReleasedLayout.config(
                SETTINGS, ReleasedLayout.settings(config), file, torch.tensors(), 37);
        assertEquals(config, read);
        List<NamedTensor> back =
            ReleasedLayout.fromReleased(file, read, torch.tensors(), null, arena);
        assertEquals(tensors.size(), back.size());
        for (int i = 0; i < tensors.size(); i++) {
          assertEquals(tensors.get(i).name(), back.get(i).name());
          assertEquals(tensors.get(i).dtype(), back.get(i).dtype());
          assertEquals(-1, tensors.get(i).data().mismatch(back.get(i).data()));
        }
      }
    }
  }

  @Test
  void namesAreThoseOfTheReleasedModels() throws IOException {
    TokenFormerConfig untied =
        new TokenFormerConfig(
            24, 3, LAYERS, 40, 37, 9, Theta.SOFTMAX, Map.of(), 0.5, 500, 1e-6f, false);
    List<String> names = List.copyOf(released(untied).keySet());
    assertEquals("sequential.0.word_embeddings.weight", names.getFirst());
    assertTrue(names.contains("sequential.3.attention.proj.value_param_tokens"), names::toString);
    assertTrue(names.contains("sequential.2.mlp.key_param_tokens"), names::toString);
    assertTrue(names.contains("sequential.5.norm.bias"), names::toString);
    assertEquals("sequential.6.final_linear.weight", names.getLast());
  }

  private NamedTensor cast(NamedTensor tensor, DType type) {
    MemorySegment data = arena.allocate(tensor.shape().bytes(type), 8);
    FloatConversion.convert(tensor.dtype(), tensor.data(), type, data);
    return new NamedTensor(tensor.name(), type, tensor.shape(), data);
  }

  @ParameterizedTest
  @CsvSource({
    "F16, , F32",
    "BF16, , BF16",
    "F32, , F32",
    "F16, BF16, BF16",
    "F32, BF16, BF16",
    "BF16, F32, F32",
    "F16, F32, F32"
  })
  void storagesOfEveryType(DType stored, DType wanted, DType expected) throws IOException {
    TokenFormerConfig config = config(Theta.L2_NORM_GELU);
    Map<String, NamedTensor> source = new LinkedHashMap<>();
    released(config).forEach((name, tensor) -> source.put(name, cast(tensor, stored)));
    List<NamedTensor> tensors =
        ReleasedLayout.fromReleased(CHECKPOINT, config, source, wanted, arena);
    List<NamedTensor> stay = new ArrayList<>(source.values());
    for (int i = 0; i < tensors.size(); i++) {
      NamedTensor tensor = tensors.get(i);
      DType type = tensor.shape().rank() == 1 ? DType.F32 : expected;
      assertEquals(type, tensor.dtype(), tensor.name());
      MemorySegment data = arena.allocate(tensor.shape().bytes(type), 8);
      FloatConversion.convert(stored, stay.get(i).data(), type, data);
      assertEquals(-1, data.mismatch(tensor.data()), tensor.name());
    }
  }

  @Test
  void missingExtraAndMisshapenTensors() throws IOException {
    TokenFormerConfig config = config(Theta.L2_NORM_GELU);
    for (NamedTensor removed : released(config).values()) {
      String name = removed.name();
      Map<String, NamedTensor> tensors = released(config);
      tensors.remove(name);
      refused(config, tensors, name + " " + removed.shape() + " is missing");
      tensors.put(name, new NamedTensor(name, DType.F32, Shape.of(1, 2), arena.allocate(8)));
      refused(config, tensors, name + " is F32(1, 2), but the configuration requires");
      MemorySegment data = arena.allocate(removed.shape().bytes(DType.I8));
      tensors.put(name, new NamedTensor(name, DType.I8, removed.shape(), data));
      refused(config, tensors, name + " is I8");
    }
    Map<String, NamedTensor> tensors = released(config);
    String odd = "sequential.2.attention.query.bias\n";
    tensors.put(odd, new NamedTensor(odd, DType.F32, Shape.of(2), arena.allocate(8)));
    refused(config, tensors, "'sequential.2.attention.query.bias\\u000a' (2) is not part of");
    tensors.remove(odd);
    String buffer = "sequential.2.attention.rotary_emb.inv_freq";
    tensors.put(buffer, new NamedTensor(buffer, DType.F32, Shape.of(2), arena.allocate(8)));
    ReleasedLayout.fromReleased(CHECKPOINT, config, tensors, null, arena);
  }

  private void refused(
      TokenFormerConfig config, Map<String, NamedTensor> tensors, String expected) {
    String message =
        oneLine(
            assertThrows(
                ModelFormatException.class,
                () -> ReleasedLayout.fromReleased(CHECKPOINT, config, tensors, null, arena)));
    assertTrue(message.startsWith("pytorch_model.bin: tensor "), message);
    assertTrue(message.contains(expected), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "pos_emb; learned",
        "pos-emb; none",
        "norm; layernorm",
        "norm; rms\tnorm",
        "final_norm; rmsnorm",
        "final-norm; layernorm_nonparam",
        "use_bias_in_attn_linear; true",
        "attention_config; global",
        "norm_activation_type; relu",
        "num_layers; 2.5",
        "hidden_size; 25",
        "rotary_pct; half",
        "no_weight_tying; maybe",
      })
  void settingsThatAreNotSupported(String key, String value) throws IOException {
    TokenFormerConfig config = config(Theta.SOFTMAX);
    Map<String, Object> settings = ReleasedLayout.settings(config);
    settings.remove(key.replace('-', '_'));
    settings.put(key, value.equals("true") ? true : value);
    String message = oneLine(refused(settings, 37));
    assertTrue(message.startsWith("config.yml: " + key.replace('-', '_') + ": '"), message);
  }

  private ModelFormatException refused(Map<String, Object> settings, int tokenizerIds)
      throws IOException {
    Map<String, NamedTensor> tensors = released(config(Theta.SOFTMAX));
    return assertThrows(
        ModelFormatException.class,
        () -> ReleasedLayout.config(SETTINGS, settings, CHECKPOINT, tensors, tokenizerIds));
  }

  @Test
  void attentionOfOtherKinds() throws IOException {
    TokenFormerConfig config = config(Theta.SOFTMAX);
    Map<String, Object> settings = ReleasedLayout.settings(config);
    settings.put("attention_config", List.of(List.of(List.of("tokenformer", "flash"), 2)));
    assertTrue(oneLine(refused(settings, 37)).contains("'flash' is not supported"));
    for (Object good :
        List.of(List.of(List.of(List.of("tokenformer"), "all")), "[[[\"tokenformer\"], 2]]")) {
      settings.put("attention_config", good);
      assertEquals(
          config, ReleasedLayout.config(SETTINGS, settings, CHECKPOINT, released(config), 37));
    }
  }

  @Test
  void tokenizerAndContext() throws IOException {
    TokenFormerConfig config = config(Theta.SOFTMAX);
    Map<String, Object> settings = ReleasedLayout.settings(config);
    assertTrue(
        oneLine(refused(settings, 41)).contains("has 40 rows, but the tokenizer has 41 ids"));
    assertTrue(
        oneLine(refused(settings, 0))
            .contains("tokenizer_vocab_size must be between 1 and 16777216, not 0"));
    settings.remove("max_position_embeddings");
    assertEquals(
        config, ReleasedLayout.config(SETTINGS, settings, CHECKPOINT, released(config), 37));
    settings.remove("seq_length");
    assertTrue(oneLine(refused(settings, 37)).contains("max_position_embeddings: is missing"));
    String message =
        oneLine(
            assertThrows(
                ModelFormatException.class,
                () -> ReleasedLayout.config(SETTINGS, settings, CHECKPOINT, Map.of(), 37)));
    assertTrue(message.contains("sequential.0.word_embeddings.weight is missing"), message);
  }

  private float[] logits(TokenFormerConfig config, Map<String, NamedTensor> tensors) {
    try (Backend backend = new CheckedBackend(new ScalarBackend());
        TokenFormer model = ModelLoader.load(config, tensors, backend, () -> {});
        Session session = model.newSession()) {
      return Tensors.get(backend, session.prefill(new int[] {3, 1, 4, 1, 5, 9, 2, 6}));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Theta.class,
      mode = Mode.EXCLUDE,
      names = {"L2_NORM_GELU"})
  void scalesAreFoldedIntoTheValues(Theta theta) throws IOException {
    Map<String, Float> taus = Map.of("layers.0.ffn", 2.5f, "layers.1.attention.key", 30f);
    for (DType type : List.of(DType.F32, DType.BF16)) {
      TokenFormerConfig config = Models.config(theta, LAYERS, taus);
      Map<String, NamedTensor> tensors =
          Models.byName(Models.weights(config, type, new Random(2), arena));
      Map<String, NamedTensor> folded =
          Models.byName(ReleasedLayout.toReleased(MODEL, config, tensors, arena));
      TokenFormerConfig plain = config(theta);
      float[] expected = logits(config, tensors);
      float[] actual =
          logits(
              plain,
              Models.byName(ReleasedLayout.fromReleased(CHECKPOINT, plain, folded, null, arena)));
      double max = 0;
      for (float logit : expected) {
        max = Math.max(max, Math.abs(logit));
      }
      for (int i = 0; i < expected.length; i++) {
        double error = Math.abs((double) expected[i] - actual[i]);
        assertTrue(error <= 1e-5 * max, expected[i] + " became " + actual[i]);
      }
    }
  }

  @Test
  void scalesThatCannotBeFolded() throws IOException {
    TokenFormerConfig config =
        Models.config(Theta.L2_NORM_GELU, LAYERS, Map.of("layers.0.ffn", 2.5f));
    Map<String, NamedTensor> tensors = Models.byName(weights(config));
    String message =
        oneLine(
            assertThrows(
                ModelFormatException.class,
                () -> ReleasedLayout.toReleased(MODEL, config, tensors, arena)));
    assertTrue(message.startsWith("model: τ = 2.5 of layers.0.ffn is not the default"), message);
    assertTrue(message.contains("--init split"), message);

    float same = Theta.L2_NORM_GELU.defaultTau(31);
    TokenFormerConfig written =
        Models.config(Theta.L2_NORM_GELU, LAYERS, Map.of("layers.0.ffn", same));
    Map<String, NamedTensor> exported =
        Models.byName(ReleasedLayout.toReleased(MODEL, written, tensors, arena));
    assertArrayEquals(
        logits(written, tensors),
        logits(
            config(Theta.L2_NORM_GELU),
            Models.byName(
                ReleasedLayout.fromReleased(
                    CHECKPOINT, config(Theta.L2_NORM_GELU), exported, null, arena))));
  }

  @Test
  void layersOfDifferentSizes() {
    TokenFormerConfig config = Models.config(Theta.SOFTMAX);
    Map<String, NamedTensor> tensors = Models.byName(weights(config));
    String message =
        oneLine(
            assertThrows(
                ModelFormatException.class,
                () -> ReleasedLayout.toReleased(MODEL, config, tensors, arena)));
    assertTrue(message.contains("its layers differ in their numbers of parameter tokens"), message);
    Map<String, NamedTensor> fewer =
        new LinkedHashMap<>(Models.byName(weights(config(Theta.SOFTMAX))));
    fewer.remove("layers.1.ffn.value_param_tokens");
    message =
        oneLine(
            assertThrows(
                ModelFormatException.class,
                () -> ReleasedLayout.toReleased(MODEL, config(Theta.SOFTMAX), fewer, arena)));
    assertTrue(message.contains("layers.1.ffn.value_param_tokens is missing"), message);
  }
}
