package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.annotations.SerializedName;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
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

/**
 * Six AdamW steps compared with PyTorch in double precision. Some cases are chaotic, so float32
 * cannot come closer: the tolerance of each number is at least twice the error of PyTorch's own
 * float32 run.
 */
final class GoldenAdamWTest {
  private static final double LOSSES = 3e-4; // relative; of norms too
  private static final double WEIGHTS = 2e-4; // relative, L2, of each tensor
  private static final double LEARNING_RATE = 1e-3;

  /**
   * Relative differences of PyTorch's float32 run from its float64 run, written by {@code
   * make_adamw.py}; 0 if a case lacks the file.
   *
   * @param losses at each step
   * @param gradNorms at each step
   * @param weights after the last step, by the released name
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Float32(
      double[] losses,
      @SerializedName("grad_norms") double[] gradNorms,
      Map<String, Double> weights) {
    static Float32 of(GoldenCase golden, int steps) {
      Path file = golden.folder().resolve("adamw_float32.json");
      if (!Files.exists(file)) {
        return new Float32(new double[steps], new double[steps], Map.of());
      }
      try {
        return new Gson().fromJson(Files.readString(file), Float32.class);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** Returns the tolerance at a step, from the largest difference so far. */
    static double tolerance(double[] differences, int step) {
      double largest = Arrays.stream(differences, 0, step + 1).max().orElseThrow();
      return Math.max(LOSSES, 2 * largest);
    }

    /** Returns the tolerance of a weight. */
    double tolerance(String released) {
      return Math.max(WEIGHTS, 2 * weights.getOrDefault(released, 0.0));
    }
  }

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

  /** Returns the largest error as a fraction of the tolerance. */
  private static double takeSteps(
      TrainableModel model, GoldenCase golden, TrainingShape shape, int accumulate) {
    double[] losses = golden.values("adamw.losses").data();
    double[] norms = golden.values("adamw.grad_norms").data();
    Float32 float32 = Float32.of(golden, losses.length);
    double worst = 0;
    try (Backpropagation backpropagation = new Backpropagation(model, shape);
        Optimizer optimizer = new Optimizer(model, OptimizerOptions.defaults())) {
      for (int step = 0; step < losses.length; step++) {
        backpropagation.zeroGradients();
        double loss = accumulate(backpropagation, golden, accumulate);
        double norm = optimizer.norm(backpropagation.gradients());
        double ofLoss = Float32.tolerance(float32.losses, step);
        worst = Math.max(worst, close(losses[step], loss, ofLoss, "loss of step " + step));
        double ofNorm = Float32.tolerance(float32.gradNorms, step);
        worst = Math.max(worst, close(norms[step], norm, ofNorm, "gradient norm of step " + step));
        optimizer.step(step + 1, LEARNING_RATE, backpropagation.gradients(), norm);
      }
    }
    for (Map.Entry<String, String> name : ReleasedLayout.names(model.config()).entrySet()) {
      double[] expected = golden.values("adamw.after6." + name.getValue()).data();
      float[] actual =
          Tensors.get(
              model.backend(), Objects.requireNonNull(model.model().weights().get(name.getKey())));
      double error = distance(expected, actual) / distance(expected, new float[actual.length]);
      double tolerance = float32.tolerance(name.getValue());
      assertTrue(error <= tolerance, name.getKey() + ": " + error);
      worst = Math.max(worst, error / tolerance);
    }
    return worst;
  }

  private static double accumulate(
      Backpropagation backpropagation, GoldenCase golden, int accumulate) {
    int rows = backpropagation.shape().rows();
    double sum = 0;
    for (int i = 0; i < accumulate; i++) {
      int[] ids = Arrays.copyOfRange(golden.inputs(), i * rows, (i + 1) * rows);
      int[] targets = Arrays.copyOfRange(golden.targets(), i * rows, (i + 1) * rows);
      DropoutSeeds seeds = new DropoutSeeds(1, 1, i);
      sum +=
          backpropagation.accumulateGradients(
              ids, targets, 1f / (rows * accumulate), 0, seeds, null);
    }
    return sum / (rows * accumulate);
  }

  private static double close(double expected, double actual, double tolerance, String what) {
    double error = Math.abs(expected - actual) / (tolerance * expected);
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
