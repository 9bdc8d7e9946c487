package org.tokenformer.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.backend.vector.VectorBackend;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.SafetensorsWriter;
import org.tokenformer.engine.model.files.ConvertedWeights;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

final class QuantizedModelTest {
  private static final TokenFormerConfig CONFIG = Models.config(Theta.L2_NORM_GELU);

  @TempDir private Path folder;

  private static Map<String, NamedTensor> floats(Random random, Arena arena) {
    return Models.byName(Models.weights(CONFIG, DType.F32, random, arena));
  }

  private static float[] logits(Map<String, NamedTensor> weights, Backend backend, int[] ids) {
    try (TokenFormer model = ModelLoader.load(CONFIG, weights, backend, () -> {});
        Session session = model.newSession()) {
      session.prefill(ids);
      return Tensors.get(backend, session.decode(ids[0]));
    }
  }

  /** Quantised weights compute the same as the floats that they represent, up to rounding. */
  @ParameterizedTest
  @EnumSource
  void computesWithTheWeightsThatTheIntegersRepresent(WeightType type) {
    Random random = Seeds.random("QuantizedModelTest." + type);
    int[] ids = Models.ids(random, 70);
    try (Arena arena = Arena.ofShared();
        ConvertedWeights small = new ConvertedWeights(CONFIG, floats(random, arena), type);
        ConvertedWeights large = new ConvertedWeights(CONFIG, small.byName(), WeightType.F32);
        Backend scalar = new CheckedBackend(new ScalarBackend());
        Backend vector = new CheckedBackend(new VectorBackend(2))) {
      float[] expected = logits(large.byName(), scalar, ids);
      float most = 0;
      for (float logit : expected) {
        most = Math.max(most, Math.abs(logit));
      }
      for (Backend backend : List.of(scalar, vector)) {
        float[] actual = logits(small.byName(), backend, ids);
        for (int i = 0; i < expected.length; i++) {
          assertEquals(expected[i], actual[i], 2e-5 * most, backend.name() + ", logit " + i);
        }
      }
    }
  }

  @Test
  void fourBitsAreForParameterTokensOnly() {
    try (Arena arena = Arena.ofShared();
        ConvertedWeights small =
            new ConvertedWeights(CONFIG, floats(new Random(1), arena), WeightType.Q4)) {
      stored(small, TensorNames.EMBEDDING, DType.I8, Shape.of(Models.VOCABULARY, 24));
      String keys = "layers.0.ffn.key_param_tokens";
      stored(small, keys, DType.U8, Shape.of(31, 64));
      stored(small, keys + ".scales", DType.F32, Shape.of(31, 1));
      stored(small, TensorNames.NORM_WEIGHT, DType.F32, Shape.of(24));
    }
  }

  private static void stored(ConvertedWeights weights, String name, DType type, Shape shape) {
    NamedTensor tensor = Objects.requireNonNull(weights.byName().get(name));
    assertEquals(type, tensor.dtype());
    assertEquals(shape, tensor.shape());
  }

  private Path save(Map<String, NamedTensor> weights) throws IOException {
    Path tokenizer = Files.writeString(folder.resolve("tokenizer.json"), "{}");
    Path target = folder.resolve("model");
    List<NamedTensor> tensors = List.copyOf(weights.values());
    ModelFolder.save(target, IfExists.REFUSE, CONFIG, tensors, tokenizer);
    return target;
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8", "Q4"})
  void foldersStoreThemAndTrainingNeedsFloats(WeightType type) throws IOException {
    Random random = Seeds.random("QuantizedModelTest.folders." + type);
    int[] ids = Models.ids(random, 20);
    try (Arena arena = Arena.ofShared();
        ConvertedWeights small = new ConvertedWeights(CONFIG, floats(random, arena), type);
        Backend backend = new CheckedBackend(new VectorBackend(2))) {
      Path target = save(small.byName());
      try (ModelFolder open = ModelFolder.open(target, LoadMode.MAP)) {
        assertTrue(open.isQuantized());
        Exception refused =
            assertThrows(
                ModelFormatException.class, () -> TrainableModel.load(open, backend, false));
        assertTrue(String.valueOf(refused.getMessage()).contains("quantize --type f32"));
      }
      try (TokenFormer model = ModelLoader.load(ModelFolder.open(target, LoadMode.MAP), backend);
          Session session = model.newSession()) {
        long bytes = small.byName().values().stream().mapToLong(NamedTensor::byteSize).sum();
        assertEquals(bytes, model.weightBytes());
        session.prefill(ids);
        float[] actual = Tensors.get(backend, session.decode(ids[0]));
        float[] expected = logits(small.byName(), backend, ids);
        for (int i = 0; i < expected.length; i++) {
          assertEquals(expected[i], actual[i], "logit " + i);
        }
      }
    }
  }

  @Test
  void refusesFilesThatDoNotFit() throws IOException {
    String name = "layers.1.attention.proj.value_param_tokens";
    String scales = name + ".scales";
    try (Arena arena = Arena.ofShared();
        ConvertedWeights small =
            new ConvertedWeights(CONFIG, floats(new Random(1), arena), WeightType.Q4)) {
      Map<String, NamedTensor> good = small.byName();
      Path target = save(good);
      refused(target, good, scales, null, scales + " (7, 1) is missing");
      refused(
          target, good, scales, of(scales, DType.F32, arena, 7, 2), "(7, 2)", "requires (7, 1)");
      refused(target, good, scales, of(scales, DType.BF16, arena, 7, 1), "BF16", "F32");
      refused(target, good, name, of(name, DType.U8, arena, 7, 24), "(7, 24)", "(7, 64)");
      refused(target, good, name, of(name, DType.I8, arena, 7, 64), "(7, 64)", "(7, 24)");
      refused(target, good, name, of(name, DType.I16, arena, 7, 24), name, "I16");
      refused(target, good, name, of(name, DType.F32, arena, 7, 24), scales, "not part of");
      refused(target, good, name, null, name, "missing");
      String norm = TensorNames.NORM_WEIGHT;
      refused(target, good, norm, of(norm, DType.I8, arena, 24), norm, "I8");
      NamedTensor infinite = infinite(scales, arena);
      Path file = target.resolve(ModelFolder.WEIGHTS_FILE);
      SafetensorsWriter.write(file, changed(good, scales, infinite), Map.of());
      try (ModelFolder open = ModelFolder.open(target, LoadMode.MAP)) {
        String message =
            assertThrows(ModelFormatException.class, open::refuseNotFinite).getMessage();
        assertTrue(String.valueOf(message).contains(scales), message);
      }
    }
  }

  private static NamedTensor of(String name, DType type, Arena arena, long... shape) {
    Shape sizes = Shape.of(shape);
    return new NamedTensor(name, type, sizes, arena.allocate(sizes.bytes(type)));
  }

  private static NamedTensor infinite(String name, Arena arena) {
    MemorySegment data = arena.allocate(7 * Float.BYTES);
    data.set(ValueLayout.JAVA_FLOAT, 8, Float.POSITIVE_INFINITY);
    return new NamedTensor(name, DType.F32, Shape.of(7, 1), data);
  }

  private static List<NamedTensor> changed(
      Map<String, NamedTensor> good, String name, @Nullable NamedTensor now) {
    Map<String, NamedTensor> map = new LinkedHashMap<>(good);
    map.remove(name);
    List<NamedTensor> tensors = new ArrayList<>(map.values());
    if (now != null) {
      tensors.add(now);
    }
    return tensors;
  }

  private static void refused(
      Path target,
      Map<String, NamedTensor> good,
      String name,
      @Nullable NamedTensor now,
      String... parts)
      throws IOException {
    Path file = target.resolve(ModelFolder.WEIGHTS_FILE);
    SafetensorsWriter.write(file, changed(good, name, now), Map.of());
    String message =
        String.valueOf(
            assertThrows(
                    ModelFormatException.class,
                    () -> ModelFolder.open(target, LoadMode.MAP).close())
                .getMessage());
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
  }
}
