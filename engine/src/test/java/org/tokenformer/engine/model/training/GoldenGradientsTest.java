package org.tokenformer.engine.model.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ReleasedLayout;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.GoldenCase;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

/** Loss and gradients as PyTorch computes them in double precision. */
final class GoldenGradientsTest {
  private static final double OF_ITSELF = 2e-4; // of the tensor's own gradient, L2
  private static final double OF_ALL = 1e-7; // of all gradients, L2
  private static final double LOSS = 1e-5; // relative
  private static final DropoutSeeds SEEDS = new DropoutSeeds(1, 2, 3);

  @TestFactory
  Stream<DynamicTest> everyGradientIsThatOfPyTorch() {
    return GoldenCase.tests((golden, computing) -> {
      try (Backend backend = computing.open();
          TrainableModel model = golden.trainable(backend);
          Backpropagation backpropagation = new Backpropagation(model, golden.shape(false))) {
        double loss = accumulate(backpropagation, golden);
        double expectedLoss = golden.values("loss_f64").data()[0];
        assertEquals(expectedLoss, loss, LOSS * expectedLoss);

        Map<String, double[]> expected = new LinkedHashMap<>();
        ReleasedLayout.names(model.config())
            .forEach(
                (name, released) -> expected.put(name, golden.values("grad." + released).data()));
        double all = norm(expected.values().stream().flatMapToDouble(Arrays::stream).toArray());
        double worst = 0;
        for (Map.Entry<String, float[]> gradient : gradients(backpropagation).entrySet()) {
          double[] wanted = Objects.requireNonNull(expected.remove(gradient.getKey()));
          double error = norm(difference(wanted, gradient.getValue()));
          double tolerance = OF_ITSELF * norm(wanted) + OF_ALL * all;
          assertTrue(error <= tolerance, gradient.getKey() + ": " + error + " > " + tolerance);
          worst = Math.max(worst, error / tolerance);
        }
        assertTrue(expected.isEmpty(), "no gradients of " + expected.keySet());
        System.out.printf("%s × %s: %.3f of the tolerance%n", golden.name(), computing, worst);
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> recomputedActivationsGiveTheSameBits() {
    return GoldenCase.tests((golden, computing) -> {
      try (Backend backend = computing.open();
          TrainableModel model = golden.trainable(backend);
          Backpropagation kept = new Backpropagation(model, golden.shape(false));
          Backpropagation recomputed = new Backpropagation(model, golden.shape(true))) {
        if (model.config().layers().size() > 1) { // a single layer's activations are all needed
          assertTrue(recomputed.allocatedBytes() < kept.allocatedBytes());
        }
        assertSameBits(kept, recomputed, golden.inputs(), golden.targets());
      }
    });
  }

  @Test
  void oneLayerIsRecomputedToo() {
    TokenFormerConfig config =
        Models.config(Theta.GELU_L2_NORM, List.of(new LayerSizes(13, 24, 31)), Map.of());
    Random random = Seeds.random("GoldenGradientsTest");
    try (Backend backend = Computing.SCALAR.open();
        Arena arena = Arena.ofConfined();
        TrainableModel model =
            new TrainableModel(
                config, Models.byName(Models.weights(config, DType.F32, random, arena)), backend);
        Backpropagation kept = new Backpropagation(model, new TrainingShape(2, 9, false));
        Backpropagation recomputed = new Backpropagation(model, new TrainingShape(2, 9, true))) {
      assertSameBits(kept, recomputed, Models.ids(random, 18), Models.ids(random, 18));
    }
  }

  private static void assertSameBits(
      Backpropagation kept, Backpropagation recomputed, int[] ids, int[] targets) {
    for (float dropout : new float[] {0, 0.2f}) {
      kept.zeroGradients();
      recomputed.zeroGradients();
      float weight = 1f / kept.shape().rows();
      double loss = kept.accumulateGradients(ids, targets, weight, dropout, SEEDS, null);
      assertEquals(
          loss, recomputed.accumulateGradients(ids, targets, weight, dropout, SEEDS, null));
      assertSameBits(gradients(kept), gradients(recomputed));
    }
  }

  @TestFactory
  Stream<DynamicTest> everyNumberOfThreadsGivesTheSameBits() {
    return GoldenCase.tests((golden, computing) -> {
      Map<String, float[]> expected = new LinkedHashMap<>();
      for (int threads : computing == Computing.SCALAR ? new int[] {1} : new int[] {1, 2, 3, 7}) {
        try (Backend backend = computing.open(threads);
            TrainableModel model = golden.trainable(backend);
            Backpropagation backpropagation = new Backpropagation(model, golden.shape(false))) {
          accumulate(backpropagation, golden);
          Map<String, float[]> gradients = gradients(backpropagation);
          if (expected.isEmpty()) {
            expected.putAll(gradients);
          }
          assertSameBits(expected, gradients);
        }
      }
    });
  }

  /** Returns the mean loss and leaves its gradients. */
  private static double accumulate(Backpropagation backpropagation, GoldenCase golden) {
    int rows = backpropagation.shape().rows();
    int[] targets = golden.targets();
    return backpropagation.accumulateGradients(golden.inputs(), targets, 1f / rows, 0, SEEDS, null)
        / rows;
  }

  private static Map<String, float[]> gradients(Backpropagation backpropagation) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    for (Map.Entry<String, Tensor> entry : backpropagation.gradients().entrySet()) {
      gradients.put(entry.getKey(), Tensors.get(backpropagation.backend(), entry.getValue()));
    }
    return gradients;
  }

  private static void assertSameBits(Map<String, float[]> expected, Map<String, float[]> actual) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach((name, values) -> assertArrayEquals(values, actual.get(name), name));
  }

  private static double[] difference(double[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    double[] difference = new double[actual.length];
    for (int i = 0; i < actual.length; i++) {
      difference[i] = expected[i] - actual[i];
    }
    return difference;
  }

  private static double norm(double[] values) {
    return Math.sqrt(Arrays.stream(values).map(value -> value * value).sum());
  }
}
