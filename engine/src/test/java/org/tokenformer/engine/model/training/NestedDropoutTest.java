package org.tokenformer.engine.model.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

/** Micro-batches that use only a prefix of the parameter tokens. */
final class NestedDropoutTest {
  private static final TokenFraction SHARE = new TokenFraction(BigDecimal.valueOf(40));
  private static final DropoutSeeds DROPOUT = new DropoutSeeds(3, 1, 0);
  private static final TrainingShape SHAPE = new TrainingShape(3, 21, false);

  /** Losses and gradients equal those of a model that has only these tokens, with the same τ. */
  @TestFactory
  Stream<DynamicTest> theOtherTokensMightAsWellNotBeThere() {
    long seed = Seeds.random("nested dropout").nextLong();
    return Arrays.stream(Computing.values())
        .map(computing ->
            DynamicTest.dynamicTest(
                computing.toString(),
                () -> {
                  for (Theta theta : Theta.values()) {
                    compare(computing, theta, new Random(seed));
                  }
                }));
  }

  private static void compare(Computing computing, Theta theta, Random random) {
    TokenFormerConfig config = Models.config(theta);
    int[] ids = Models.ids(random, SHAPE.rows());
    int[] targets = Models.ids(random, SHAPE.rows());
    try (Arena arena = Arena.ofConfined();
        Backend backend = computing.open()) {
      List<NamedTensor> all = Models.weights(config, DType.F32, random, arena);
      List<NamedTensor> first = all.stream().map(NestedDropoutTest::first).toList();
      try (TrainableModel model = new TrainableModel(config, Models.byName(all), backend);
          TrainableModel cut = new TrainableModel(cut(config), Models.byName(first), backend);
          Backpropagation nested = new Backpropagation(model, SHAPE);
          Backpropagation plain = new Backpropagation(cut, SHAPE)) {
        nested.zeroGradients();
        plain.zeroGradients();
        double loss = plain.accumulateGradients(ids, targets, 0.01f, 0.2f, DROPOUT, null);
        assertEquals(
            loss, nested.accumulateGradients(ids, targets, 0.01f, 0.2f, DROPOUT, SHARE, null));
        plain
            .gradients()
            .forEach((name, expected) -> {
              float[] values = Tensors.get(backend, expected);
              float[] actual = Tensors.get(backend, nested.gradients().get(name));
              assertArrayEquals(Arrays.copyOf(values, actual.length), actual, name);
            });
      }
    }
  }

  private static TokenFormerConfig cut(TokenFormerConfig config) {
    Map<String, Float> taus = new HashMap<>();
    List<LayerSizes> layers = new ArrayList<>();
    for (LayerSizes sizes : config.layers()) {
      for (BlockPattention which : BlockPattention.values()) {
        int layer = layers.size();
        taus.put(TensorNames.pattention(layer, which), config.tau(layer, which));
      }
      layers.add(
          new LayerSizes(SHARE.of(sizes.qkv()), SHARE.of(sizes.proj()), SHARE.of(sizes.ffn())));
    }
    return config.withLayers(layers, taus, List.of());
  }

  private static NamedTensor first(NamedTensor tensor) {
    if (!tensor.name().contains("_param_tokens")) {
      return tensor;
    }
    long rows = SHARE.of(Math.toIntExact(tensor.shape().size(0)));
    Shape shape = Shape.of(rows, tensor.shape().size(1));
    return new NamedTensor(
        tensor.name(), DType.F32, shape, tensor.data().asSlice(0, shape.bytes(DType.F32)));
  }
}
