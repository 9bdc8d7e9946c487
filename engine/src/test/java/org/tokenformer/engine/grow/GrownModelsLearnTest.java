package org.tokenformer.engine.grow;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.grow.Growths.Grown;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.training.Backpropagation;
import org.tokenformer.engine.model.training.DropoutSeeds;
import org.tokenformer.engine.model.training.MemoryNeeds;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;
import org.tokenformer.engine.train.Optimizer;
import org.tokenformer.engine.train.OptimizerOptions;

/** New parameter tokens are trained from the first step on, and frozen ones stay unchanged. */
final class GrownModelsLearnTest {
  private static final TrainingShape SHAPE = new TrainingShape(2, 24, false);
  private static final List<LayerSizes> LAYERS =
      List.of(new LayerSizes(12, 9, 40), new LayerSizes(20, 9, 33));
  private static final GrowthPlan PLAN = GrowthPlan.parse("qkv=31@1,proj=17,ffn=71,layers=3");

  /** Returns the first new row of a weight. */
  private static long firstNewRow(String name, Grown before) {
    Shape shape = TensorNames.shapes(before.config()).get(name);
    return shape == null ? 0 : shape.size(0);
  }

  private static Grown grown(Theta theta, GrowthInit init, Random random, Arena arena) {
    return model(theta, random, arena).by(PLAN, init, random.nextLong(), arena);
  }

  private static Grown model(Theta theta, Random random, Arena arena) {
    TokenFormerConfig config = Models.config(theta, LAYERS, Map.of());
    return new Grown(config, Models.byName(Models.weights(config, DType.F32, random, arena)));
  }

  /** A run of a few steps on the same ids. */
  private static final class Run implements AutoCloseable {
    private final TrainableModel model;
    private final Backpropagation backpropagation;
    private final Optimizer optimizer;
    private final int[] ids;
    private final int[] targets;
    private int steps;

    Run(Grown grown, Backend backend, boolean onlyNew, Random random) {
      model = new TrainableModel(grown.config(), grown.weights(), backend, onlyNew);
      backpropagation = new Backpropagation(model, SHAPE);
      optimizer = new Optimizer(model, OptimizerOptions.defaults());
      ids = Models.ids(random, SHAPE.rows());
      targets = Models.ids(random, SHAPE.rows());
    }

    Map<String, float[]> gradients() {
      backpropagation.zeroGradients();
      DropoutSeeds seeds = new DropoutSeeds(1, steps, 0);
      backpropagation.accumulateGradients(ids, targets, 1f / SHAPE.rows(), 0, seeds, null);
      return values(backpropagation.gradients());
    }

    Map<String, float[]> weights() {
      return values(model.model().weights());
    }

    private Map<String, float[]> values(Map<String, Tensor> tensors) {
      Map<String, float[]> values = new LinkedHashMap<>();
      tensors.forEach((name, tensor) -> values.put(name, Tensors.get(model.backend(), tensor)));
      return values;
    }

    void step() {
      gradients();
      double norm = optimizer.norm(backpropagation.gradients());
      optimizer.step(++steps, 1e-2, backpropagation.gradients(), norm);
    }

    @Override
    public void close() {
      optimizer.close();
      backpropagation.close();
      model.close();
    }
  }

  @ParameterizedTest
  @EnumSource(Computing.class)
  void newKeysTrainAtOnceAndEverythingFromTheSecondStepOn(Computing computing) {
    Random random = Seeds.random("newKeysLearnAtOnce");
    for (Theta theta : List.of(Theta.L2_NORM_GELU, Theta.GELU_L2_NORM)) {
      try (Backend backend = computing.open();
          Arena arena = Arena.ofConfined()) {
        Grown before = model(theta, random, arena);
        Grown grown = before.by(PLAN, GrowthInit.ZERO, 5, arena);
        try (Run run = new Run(grown, backend, false, random)) {
          run.gradients()
              .forEach((name, gradient) -> {
                if (!name.startsWith("layers.")) {
                  return;
                }
                long first = firstNewRow(name, before);
                int channels = grown.config().hiddenSize();
                float[] rows =
                    Arrays.copyOfRange(gradient, (int) first * channels, gradient.length);
                boolean keys = name.endsWith(".key_param_tokens");
                boolean isNewLayer = name.startsWith("layers.2.");
                boolean zeroValues = name.contains("proj") || name.contains("ffn");
                // New layers: the zero-initialised values have gradients. Old layers: the keys do,
                // as their
                // values are not 0.
                boolean hasGradient = isNewLayer ? zeroValues && !keys : keys;
                if (rows.length > 0) {
                  assertEquals(hasGradient, isSomewhereNotZero(rows), theta + " " + name);
                }
              });
          run.step();
          run.gradients()
              .forEach((name, gradient) ->
                  assertTrue(isEverywhereNotZero(gradient, name, before), theta + " " + name));
        }
      }
    }
  }

  private static boolean isSomewhereNotZero(float[] values) {
    for (float value : values) {
      if (value != 0) {
        return true;
      }
    }
    return false;
  }

  /** Returns whether every new row of a Pattention has a gradient. */
  private static boolean isEverywhereNotZero(float[] gradient, String name, Grown before) {
    if (!name.startsWith("layers.")) {
      return true;
    }
    int channels = before.config().hiddenSize();
    for (long row = firstNewRow(name, before); row < gradient.length / channels; row++) {
      int at = (int) row * channels;
      if (!isSomewhereNotZero(Arrays.copyOfRange(gradient, at, at + channels))) {
        return false;
      }
    }
    return true;
  }

  /** The copies of a split diverge in training. */
  @ParameterizedTest
  @EnumSource(Theta.class)
  void copiesOfASplitBecomeDifferent(Theta theta) {
    Random random = Seeds.random("copiesOfASplitBecomeDifferent");
    try (Backend backend = Computing.VECTOR_256.open();
        Arena arena = Arena.ofConfined()) {
      Grown before = model(theta, random, arena);
      Grown grown = before.by(GrowthPlan.parse("ffn=80@0"), GrowthInit.SPLIT, 1, arena);
      try (Run run = new Run(grown, backend, false, random)) {
        float[] keys = Objects.requireNonNull(run.gradients().get("layers.0.ffn.key_param_tokens"));
        int half = keys.length / 2;
        assertFalse(
            Arrays.equals(Arrays.copyOf(keys, half), Arrays.copyOfRange(keys, half, 2 * half)));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Computing.class)
  void oldRowsStayBitIdenticalWhileNewOnesTrain(Computing computing) {
    Random random = Seeds.random("oldRowsStayToTheBit");
    for (Theta theta : Theta.values()) {
      GrowthInit init = theta == Theta.SOFTMAX ? GrowthInit.RELEASED : GrowthInit.ZERO;
      try (Backend backend = computing.open();
          Arena arena = Arena.ofConfined()) {
        Grown before = model(theta, random, arena);
        Grown grown = before.by(PLAN, init, 5, arena);
        try (Run run = new Run(grown, backend, true, random)) {
          Map<String, float[]> expected = run.weights();
          for (int i = 0; i < 3; i++) {
            run.step();
          }
          int channels = grown.config().hiddenSize();
          run.weights()
              .forEach((name, actual) -> {
                float[] was = Objects.requireNonNull(expected.get(name));
                int old = (int) firstNewRow(name, before);
                boolean vector = name.startsWith("norm.");
                int same = vector ? was.length : old * channels;
                assertArrayEquals(Arrays.copyOf(was, same), Arrays.copyOf(actual, same), name);
                for (int at = same; at < was.length; at += channels) {
                  assertFalse(
                      Arrays.equals(was, at, at + channels, actual, at, at + channels),
                      theta + " " + name + " row " + at / channels);
                }
              });
        }
      }
    }
  }

  /** In the first step, new rows get the same gradients whether old ones are trained or frozen. */
  @Test
  void frozenRowsChangeNoGradient() {
    Random random = Seeds.random("frozenRowsChangeNoGradient");
    try (Backend backend = Computing.VECTOR_256.open();
        Arena arena = Arena.ofConfined()) {
      Grown before = model(Theta.L2_NORM_GELU, random, arena);
      Grown grown = before.by(PLAN, GrowthInit.ZERO, 5, arena);
      long seed = random.nextLong();
      try (Run all = new Run(grown, backend, false, new Random(seed));
          Run some = new Run(grown, backend, true, new Random(seed))) {
        Map<String, float[]> expected = all.gradients();
        Map<String, float[]> actual = some.gradients();
        assertTrue(actual.size() < expected.size());
        assertFalse(actual.containsKey(TensorNames.EMBEDDING));
        assertFalse(actual.containsKey("layers.0.attention.query.key_param_tokens"));
        actual.forEach((name, gradient) -> {
          float[] whole = Objects.requireNonNull(expected.get(name));
          int from = whole.length - gradient.length;
          assertEquals(firstNewRow(name, before) * grown.config().hiddenSize(), from);
          assertArrayEquals(Arrays.copyOfRange(whole, from, whole.length), gradient, name);
        });
      }
    }
  }

  @Test
  void frozenRowsNeedNeitherGradientsNorMoments() {
    Random random = Seeds.random("whatIsFrozenNeedsNeither");
    try (Backend backend = Computing.VECTOR_256.open();
        Arena arena = Arena.ofConfined()) {
      Grown grown = grown(Theta.L2_NORM_GELU, GrowthInit.ZERO, random, arena);
      TokenFormerConfig config = grown.config();
      long trained = 2L * 24 * (3 * 11 + 2 * 8 + 31 + 38 + (3 * 20 + 17 + 71));
      MemoryNeeds needs = new MemoryNeeds(config, true);
      assertEquals(4 * (config.parameters() + 3 * trained), needs.trainingStateBytes());
      assertEquals(16 * config.parameters(), new MemoryNeeds(config).trainingStateBytes());
      try (Run some = new Run(grown, backend, true, random);
          Run all = new Run(grown, backend, false, random)) {
        long saved = all.backpropagation.allocatedBytes() - some.backpropagation.allocatedBytes();
        long expected = 4 * (config.parameters() - trained);
        assertEquals((double) expected, (double) saved, 0.05 * expected);
      }
    }
  }

  @Test
  void aModelThatNeverGrewHasNoNewTokens() {
    TokenFormerConfig config = Models.config(Theta.L2_NORM_GELU);
    ConfigException e = assertThrows(ConfigException.class, () -> new MemoryNeeds(config, true));
    assertEquals(
        "freeze_old: the model never grew, so it has no new parameter tokens; grow it first",
        e.getMessage());
  }
}
