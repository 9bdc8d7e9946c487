package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.model.files.ReleasedLayout;
import org.tokenformer.engine.model.training.Backpropagation;
import org.tokenformer.engine.model.training.DropoutSeeds;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.testing.GoldenCase;
import org.tokenformer.engine.testing.Tensors;

/** Six steps of AdamW as PyTorch takes them in double precision. */
final class GoldenAdamWTest {
  private static final double LOSSES = 3e-4; // relative
  private static final double WEIGHTS = 2e-4; // relative, L2, of each tensor
  private static final double LEARNING_RATE = 1e-3;

  @TestFactory
  Stream<DynamicTest> sixStepsAreThoseOfPyTorch() {
    return GoldenCase.tests((golden, computing) -> {
      try (Backend backend = computing.open();
          TrainableModel model = golden.trainable(backend)) {
        double worst = takeSteps(model, golden, golden.shape(false), 1);
        System.out.printf("%s × %s: %.3f of the tolerance%n", golden.name(), computing, worst);
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> sequencesOneByOneAreTheSame() {
    return GoldenCase.tests((golden, computing) -> {
      try (Backend backend = computing.open();
          TrainableModel model = golden.trainable(backend)) {
        int batch = golden.shape(false).batch();
        TrainingShape one = new TrainingShape(1, golden.shape(false).sequence(), false);
        takeSteps(model, golden, one, batch);
      }
    });
  }

  /** Returns the largest error as a part of what is allowed. */
  private static double takeSteps(
      TrainableModel model, GoldenCase golden, TrainingShape shape, int accumulate) {
    double[] losses = golden.values("adamw.losses").data();
    double[] norms = golden.values("adamw.grad_norms").data();
    double worst = 0;
    try (Backpropagation learning = new Backpropagation(model, shape);
        Optimizer optimizer = new Optimizer(model, OptimizerOptions.defaults())) {
      for (int step = 0; step < losses.length; step++) {
        learning.zeroGradients();
        double loss = learn(learning, golden, accumulate);
        double norm = optimizer.norm(learning.gradients());
        worst = Math.max(worst, close(losses[step], loss, "loss of step " + step));
        worst = Math.max(worst, close(norms[step], norm, "gradient norm of step " + step));
        optimizer.step(step + 1, LEARNING_RATE, learning.gradients(), norm);
      }
    }
    for (Map.Entry<String, String> name : ReleasedLayout.names(model.config()).entrySet()) {
      double[] expected = golden.values("adamw.after6." + name.getValue()).data();
      float[] actual =
          Tensors.get(
              model.backend(), Objects.requireNonNull(model.model().weights().get(name.getKey())));
      double error = distance(expected, actual) / distance(expected, new float[actual.length]);
      assertTrue(error <= WEIGHTS, name.getKey() + ": " + error);
      worst = Math.max(worst, error / WEIGHTS);
    }
    return worst;
  }

  private static double learn(Backpropagation learning, GoldenCase golden, int accumulate) {
    int rows = learning.shape().rows();
    double sum = 0;
    for (int i = 0; i < accumulate; i++) {
      int[] ids = Arrays.copyOfRange(golden.inputs(), i * rows, (i + 1) * rows);
      int[] targets = Arrays.copyOfRange(golden.targets(), i * rows, (i + 1) * rows);
      DropoutSeeds seeds = new DropoutSeeds(1, 1, i);
      sum += learning.learn(ids, targets, 1f / (rows * accumulate), 0, seeds, null);
    }
    return sum / (rows * accumulate);
  }

  private static double close(double expected, double actual, String what) {
    double error = Math.abs(expected - actual) / (LOSSES * expected);
    assertTrue(error <= 1, what + ": expected " + expected + ", got " + actual);
    return error;
  }

  private static double distance(double[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    double sum = 0;
    for (int i = 0; i < actual.length; i++) {
      sum += (expected[i] - actual[i]) * (expected[i] - actual[i]);
    }
    return Math.sqrt(sum);
  }
}
