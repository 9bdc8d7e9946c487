package org.tokenformer.engine.model.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ReleasedLayout;
import org.tokenformer.engine.testing.GoldenCase;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;

/** θ of whole models, as PyTorch computes it in double precision. */
final class ThetaProbeTest {
  private static final double TOLERANCE = 2e-5; // of the largest θ of the Pattention

  /** (T, N) of each Pattention by name, in the order received. */
  private static Map<String, float[]> run(ThetaProbe probe, int[] ids) {
    Map<String, float[]> thetas = new LinkedHashMap<>();
    probe.run(
        ids,
        (layer, which, numbers, count) ->
            thetas.put(
                TensorNames.pattention(layer, which), Arrays.copyOf(numbers, ids.length * count)),
        null);
    return thetas;
  }

  @TestFactory
  Stream<DynamicTest> everyThetaIsThatOfPyTorch() {
    return GoldenCase.tests((golden, computing) -> {
      TrainingShape shape = golden.shape(false);
      try (Backend backend = computing.open();
          TokenFormer model = golden.open(backend);
          ThetaProbe probe = new ThetaProbe(model, shape.batch(), shape.sequence())) {
        Map<String, float[]> thetas = run(probe, golden.inputs());
        Map<String, String> names = ReleasedLayout.names(model.config());
        assertEquals(
            List.copyOf(TensorNames.pattentions(model.config().layers().size())),
            List.copyOf(thetas.keySet()));
        thetas.forEach((name, actual) -> {
          String released = Objects.requireNonNull(names.get(TensorNames.keys(name)));
          check(name, golden.thetas(released.replace(".key_param_tokens", "")), actual);
        });
      }
    });
  }

  private static void check(String name, GoldenCase.Values golden, float[] thetas) {
    int count = (int) golden.shape()[1];
    int rows = thetas.length / count;
    double tolerance = TOLERANCE * golden.max();
    for (int n = 0; n < count; n++) {
      double sum = 0;
      for (int t = 0; t < rows; t++) {
        sum += Math.abs(thetas[t * count + n]);
      }
      assertEquals(golden.data()[n], sum / rows, tolerance, name + " mean of " + n);
      double last = thetas[(rows - 1) * count + n];
      assertEquals(golden.data()[count + n], last, tolerance, name + " last of " + n);
    }
  }

  @Test
  void sequencesOfABatchAreIndependent() {
    Random random = Seeds.random("sequencesOfABatchAreIndependent");
    TokenFormerConfig config = Models.config(Theta.GELU_L2_NORM);
    int[] ids = Models.ids(random, 14);
    try (Backend backend = GoldenCase.Computing.VECTOR_128.open();
        TokenFormer model = Models.open(config, backend, random.nextLong());
        ThetaProbe both = new ThetaProbe(model, 2, 7);
        ThetaProbe one = new ThetaProbe(model, 1, 7)) {
      Map<String, float[]> second = run(one, Arrays.copyOfRange(ids, 7, 14));
      Map<String, float[]> all = run(both, ids);
      assertEquals(10, all.size());
      all.forEach((name, thetas) ->
          assertArrayEquals(
              second.get(name), Arrays.copyOfRange(thetas, thetas.length / 2, thetas.length)));
      assertTrue(
          !Arrays.equals(
              second.get("layers.1.ffn"), run(one, Arrays.copyOf(ids, 7)).get("layers.1.ffn")));
    }
  }

  @Test
  void refusesIdsOfOtherShapes() {
    Backend backend = new CheckedBackend(new ScalarBackend());
    TokenFormer model = Models.open(Models.config(Theta.SOFTMAX), backend, 1);
    assertThrows(ConfigException.class, () -> new ThetaProbe(model, 1, Models.CONTEXT + 1));
    assertThrows(ConfigException.class, () -> new ThetaProbe(model, 0, 5));
    try (ThetaProbe probe = new ThetaProbe(model, 1, 3)) {
      List<String> seen = new ArrayList<>();
      ThetaProbe.Visitor visitor = (layer, which, numbers, count) -> seen.add(layer + " " + which);
      assertThrows(
          IllegalArgumentException.class, () -> probe.run(new int[] {1, 2}, visitor, null));
      assertThrows(
          IndexOutOfBoundsException.class,
          () -> probe.run(new int[] {1, 2, Models.VOCABULARY}, visitor, null));
      assertEquals(List.of(), seen);
      assertThrows(
          CancellationException.class,
          () -> probe.run(new int[] {1, 2, 3}, visitor, () -> seen.size() == 5));
      assertEquals(5, seen.size()); // one layer
      model.close();
      assertThrows(
          IllegalStateException.class, () -> probe.run(new int[] {1, 2, 3}, visitor, null));
    }
  }
}
