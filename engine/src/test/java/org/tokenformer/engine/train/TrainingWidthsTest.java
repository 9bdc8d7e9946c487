package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.RandomWeights;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.testing.GoldenCase.Computing;

/** Training is bit-identical at every vector width, for micro-batches of any number of rows. */
final class TrainingWidthsTest {
  private static final List<Computing> WIDTHS =
      List.of(Computing.VECTOR_128, Computing.VECTOR_256, Computing.VECTOR_512);

  /** No size is a multiple of a vector: the last lanes of a row need care at each width. */
  private static TokenFormerConfig config(Theta theta) {
    return new TokenFormerConfig(
        27,
        3,
        List.of(new LayerSizes(13, 21, 37)),
        43,
        41,
        700,
        theta,
        Map.of(),
        0.5,
        10000,
        1e-5f,
        true);
  }

  /** Few rows, for which inference has other kernels, and those on either side of a panel. */
  @Test
  void microBatchesOfFewRows() {
    for (int rows = 1; rows <= 100; rows++) {
      check(Theta.L2_NORM_GELU, new TrainingShape(1, rows, false));
    }
  }

  @ParameterizedTest
  @EnumSource(value = Theta.class, mode = EnumSource.Mode.EXCLUDE, names = "L2_NORM_GELU")
  void otherKindsOfTheta(Theta theta) {
    for (int rows : new int[] {1, 32, 66}) {
      check(theta, new TrainingShape(1, rows, false));
    }
  }

  /** Sequences longer than the blocks in which sums over tokens are computed. */
  @Test
  void longSequences() {
    for (int sequence : new int[] {255, 321, 353, 600}) {
      check(Theta.L2_NORM_GELU, new TrainingShape(2, sequence, true));
    }
  }

  private static void check(Theta theta, TrainingShape shape) {
    Map<Computing, String> results = new LinkedHashMap<>();
    for (Computing computing : WIDTHS) {
      results.put(computing, result(theta, shape, computing));
    }
    String expected = results.get(Computing.VECTOR_256);
    results.forEach((computing, actual) ->
        assertEquals(expected, actual, computing + ", " + theta + ", " + shape));
  }

  /** Returns the losses and all weights' hashes after two steps. */
  private static String result(Theta theta, TrainingShape shape, Computing computing) {
    TokenFormerConfig config = config(theta);
    TrainingOptions options =
        new TrainingOptions(
            new Schedule(2, 0, 1e-2, 1e-2), shape, 1, OptimizerOptions.defaults(), 0.1, 7);
    try (Backend backend = computing.open();
        Arena arena = Arena.ofConfined();
        TrainableModel model =
            new TrainableModel(
                config,
                RandomWeights.create(config, InitialValues.SCALED, WeightType.F32, 5, arena),
                backend);
        Trainer trainer = new Trainer(model, TokenSource.of(Runs.pattern(2000, 1)), options)) {
      StringBuilder result = new StringBuilder();
      while (!trainer.isDone()) {
        result.append(trainer.step(null).loss()).append('\n');
      }
      Runs.weights(model.model())
          .forEach((name, values) ->
              result.append(name).append(' ').append(Arrays.hashCode(values)).append('\n'));
      return result.toString();
    }
  }
}
