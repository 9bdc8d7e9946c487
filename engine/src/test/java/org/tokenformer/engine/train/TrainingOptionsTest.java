package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.training.TrainingShape;

/** Invalid options are rejected under the names used in files. */
final class TrainingOptionsTest {
  private static final Schedule SCHEDULE = new Schedule(10, 1, 1e-3, 1e-4);
  private static final TrainingShape SHAPE = new TrainingShape(2, 8, false);
  private static final double NAN = Double.NaN;
  private static final double INFINITE = Double.POSITIVE_INFINITY;

  private static void refused(String option, String value, Executable action) {
    String message = String.valueOf(assertThrows(ConfigException.class, action).getMessage());
    assertTrue(message.startsWith(option + " must be "), message);
    assertTrue(message.endsWith(", not " + value), message);
  }

  private static Schedule rates(double most, double least) {
    return new Schedule(10, 1, most, least);
  }

  private static OptimizerOptions optimizer(
      double beta, double epsilon, double decay, double clip) {
    return new OptimizerOptions(beta, 0.95, epsilon, decay, clip);
  }

  private static TrainingOptions options(int accumulate, double dropout) {
    return new TrainingOptions(
        SCHEDULE, SHAPE, accumulate, OptimizerOptions.defaults(), dropout, 1);
  }

  @Test
  void schedules() {
    refused("steps", "0", () -> new Schedule(0, 0, 1e-3, 1e-4));
    refused("warmup", "11", () -> new Schedule(10, 11, 1e-3, 1e-4));
    refused("warmup", "-1", () -> new Schedule(10, -1, 1e-3, 1e-4));
    refused("lr", "0.0", () -> rates(0, 0));
    refused("lr", "-1.0", () -> rates(-1, 0));
    refused("lr", "NaN", () -> rates(NAN, 0));
    refused("lr", "Infinity", () -> rates(INFINITE, 0));
    refused("min_lr", "NaN", () -> rates(1e-3, NAN));
    refused("min_lr", "-0.1", () -> rates(1e-3, -0.1));
    refused("min_lr", "0.01", () -> rates(1e-3, 0.01));
  }

  @Test
  void shapes() {
    refused("batch", "0", () -> new TrainingShape(0, 8, false));
    refused("batch", "-3", () -> new TrainingShape(-3, 8, false));
    refused("sequence", "0", () -> new TrainingShape(1, 0, false));
    String message =
        assertThrows(ConfigException.class, () -> new TrainingShape(2000000000, 2000000000, false))
            .getMessage();
    assertTrue(String.valueOf(message).startsWith("batch: 2000000000"), message);
  }

  @Test
  void optimizers() {
    refused("beta1", "1.0", () -> optimizer(1, 1e-8, 0.1, 1));
    refused("beta1", "NaN", () -> optimizer(NAN, 1e-8, 0.1, 1));
    refused("beta2", "0.99999999999", () -> new OptimizerOptions(0, 0.99999999999, 1, 0, 1));
    refused("epsilon", "0.0", () -> optimizer(0.9, 0, 0.1, 1));
    refused("weight_decay", "-0.1", () -> optimizer(0.9, 1e-8, -0.1, 1));
    refused("weight_decay", "NaN", () -> optimizer(0.9, 1e-8, NAN, 1));
    refused("clip", "0.0", () -> optimizer(0.9, 1e-8, 0.1, 0));
    refused("clip", "NaN", () -> optimizer(0.9, 1e-8, 0.1, NAN));
    refused("clip", "Infinity", () -> optimizer(0.9, 1e-8, 0.1, INFINITE));
    optimizer(0, 1, 0, Float.MAX_VALUE);
  }

  @Test
  void runs() {
    refused("accumulate", "0", () -> options(0, 0));
    refused("dropout", "1.0", () -> options(1, 1));
    refused("dropout", "-0.1", () -> options(1, -0.1));
    refused("dropout", "NaN", () -> options(1, NAN));
  }
}
