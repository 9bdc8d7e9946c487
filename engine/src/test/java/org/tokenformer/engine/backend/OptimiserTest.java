package org.tokenformer.engine.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

/** Tests {@link Backend#adamw} and {@link Backend#sumOfSquares} of every backend. */
final class OptimiserTest {
  /** Sizes around the lane counts of all widths, primes, and enough for several threads. */
  private static final int[] SIZES = {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 64, 100, 1009, 70_001};

  private final Backend reference = new CheckedBackend(new ScalarBackend());
  private final HostScope memory = new HostScope();

  @AfterEach
  void close() {
    memory.close();
  }

  /** Compares with three steps of torch.optim.AdamW in float64. */
  @ParameterizedTest
  @EnumSource(Computing.class)
  void adamwMatchesPyTorch(Computing computing) {
    float[][] gradients = {
      {0.5f, -2, 0, 1e-3f, 3}, {-0.25f, -1, 0, 2, 0.125f}, {1.5f, 0.75f, -4, 0, -0.5f}
    };
    double[][] expected = {
      {0.48950000039999997, -1.2387500001, 1.998, -0.009999800003999918, -0.7592499999333333},
      {
        0.48632680605560374, -1.2281183195367027, 1.996002, -0.01734270657120724, -0.765584936802883
      },
      {
        0.47926444863554235,
        -1.2220163102211432,
        2.000238228852926,
        -0.023082673300326123,
        -0.7692147009652336
      }
    };
    double[] first = {0.084, -0.0885, -0.2, 0.0900405, 0.102125};
    double[] second = {0.0316875, 0.06403125, 0.2, 0.04750001128125, 0.104841796875};
    Tensor w = of(0.5f, -1.25f, 2, 0, -0.75f);
    Tensor m = of(0, 0, 0, 0, 0);
    Tensor v = of(0, 0, 0, 0, 0);
    try (Backend backend = computing.open()) {
      for (int t = 1; t <= 3; t++) {
        // Clipping would leave half of the gradients.
        AdamW step = new AdamW(0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, t, 0.5f);
        backend.adamw(step, w, of(gradients[t - 1]), m, v);
        near(expected[t - 1], w, 3e-7, 1e-8);
      }
    }
    // 1 − 0.95 is off by 2.4e-7 in F32.
    near(first, m, 6e-7, 0);
    near(second, v, 6e-7, 0);
  }

  private void near(double[] expected, Tensor actual, double relative, double absolute) {
    float[] values = Tensors.get(reference, actual);
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], values[i], relative * Math.abs(expected[i]) + absolute);
    }
  }

  @ParameterizedTest
  @EnumSource(Computing.class)
  void adamwIsThatOfTheReference(Computing computing) {
    Random random = Seeds.random("adamwIsThatOfTheReference " + computing);
    try (Backend backend = computing.open()) {
      for (int size : SIZES) {
        for (long t : new long[] {1, 2, 1000}) {
          AdamW step = new AdamW(3e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, t, 0.7f);
          float[][] start = start(random, size, t > 1);
          float[][] expected = adamw(reference, step, start, size);
          float[][] actual = adamw(backend, step, start, size);
          for (int i = 0; i < size; i++) {
            double g = step.gradientScale() * (double) start[1][i];
            double mean = 0.9 * Math.abs(start[2][i]) + 0.1 * Math.abs(g);
            double root = Math.sqrt(expected[3][i]) * step.rootScale() + step.epsilon();
            double update = step.stepSize() * mean / root;
            double[] magnitudes = {Math.abs(start[0][i]) + 4 * update, 0, mean, expected[3][i]};
            for (int k : new int[] {0, 2, 3}) {
              assertEquals(expected[k][i], actual[k][i], 4 * 0x1p-24 * magnitudes[k] + 1e-30);
            }
          }
          assertArrayEquals(start[1], actual[1], "the gradient is unchanged");
        }
      }
    }
  }

  /** Returns weights, gradient and moments, with some zeros. */
  private static float[][] start(Random random, int size, boolean moments) {
    float[][] start = new float[4][];
    for (int k = 0; k < 4; k++) {
      start[k] = Tensors.random(random, size, k < 2 || moments ? 1 : 0);
    }
    for (int i = 0; i < size; i++) {
      start[3][i] *= start[3][i];
      if (i % 11 == 10) {
        start[1][i] = start[2][i] = start[3][i] = 0;
      }
    }
    return start;
  }

  private float[][] adamw(Backend backend, AdamW step, float[][] start, long... shape) {
    Tensor[] tensors = new Tensor[4];
    for (int k = 0; k < 4; k++) {
      tensors[k] = Tensors.of(reference, memory, DType.F32, start[k], shape);
    }
    backend.adamw(step, tensors[0], tensors[1], tensors[2], tensors[3]);
    float[][] after = new float[4][];
    for (int k = 0; k < 4; k++) {
      after[k] = Tensors.get(reference, tensors[k]);
    }
    return after;
  }

  @ParameterizedTest
  @EnumSource(Computing.class)
  void adamwOfAnyShapeIsTheSame(Computing computing) {
    Random random = Seeds.random("adamwOfAnyShapeIsTheSame " + computing);
    AdamW step = new AdamW(3e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 7, 0.7f);
    float[][] start = start(random, 105, true);
    try (Backend backend = computing.open()) {
      float[][] expected = adamw(backend, step, start, 105);
      assertArrayEquals(expected, adamw(backend, step, start, 15, 7));
      assertArrayEquals(expected, adamw(backend, step, start, 3, 5, 7));
    }
  }

  @ParameterizedTest
  @EnumSource(Computing.class)
  void adamwOfSomeRowsLeavesTheOthersUnchanged(Computing computing) {
    Random random = Seeds.random("adamwOfSomeRowsLeavesTheOthers " + computing);
    AdamW step = new AdamW(3e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 7, 1);
    float[][] start = start(random, 9 * 13, true);
    Tensor[] all = new Tensor[4];
    Tensor[] some = new Tensor[4];
    for (int k = 0; k < 4; k++) {
      all[k] = Tensors.of(reference, memory, DType.F32, start[k], 9, 13);
      some[k] = all[k].rows(2, 5);
    }
    try (Backend backend = computing.open()) {
      float[][] expected = adamw(backend, step, start, 9, 13);
      backend.adamw(step, some[0], some[1], some[2], some[3]);
      for (int k = 0; k < 4; k++) {
        System.arraycopy(start[k], 0, expected[k], 0, 2 * 13);
        System.arraycopy(start[k], 7 * 13, expected[k], 7 * 13, 2 * 13);
        assertArrayEquals(expected[k], Tensors.get(reference, all[k]));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Computing.class)
  void nanAffectsOnlyItsOwnWeight(Computing computing) {
    Random random = Seeds.random("notANumberSpoilsItsOwnWeight " + computing);
    AdamW step = new AdamW(3e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 7, 1);
    float[][] start = start(random, 100, true);
    try (Backend backend = computing.open()) {
      float[][] expected = adamw(backend, step, start, 100);
      start[1][37] = Float.NaN;
      float[][] actual = adamw(backend, step, start, 100);
      for (int k = 0; k < 4; k++) {
        assertTrue(Float.isNaN(actual[k][37]));
        expected[k][37] = Float.NaN;
      }
      assertArrayEquals(expected, actual);
    }
  }

  @ParameterizedTest
  @EnumSource(Computing.class)
  void sumOfSquaresIsThatOfTheReference(Computing computing) {
    Random random = Seeds.random("sumOfSquaresIsThatOfTheReference " + computing);
    try (Backend backend = computing.open()) {
      for (int size : SIZES) {
        // Squares above and below the range of F32.
        for (double scale : new double[] {1, 1e30, 1e-30}) {
          Tensor tensor = of(Tensors.random(random, size, scale));
          double expected = reference.sumOfSquares(tensor);
          assertEquals(expected, backend.sumOfSquares(tensor), 1e-6 * expected, "of " + tensor);
        }
      }
      assertEquals(55, backend.sumOfSquares(of(1, 2, 3, 4, -5)));
      Tensor cube = Tensors.of(reference, memory, DType.F32, new float[] {1, 2, 3, 4}, 2, 1, 2);
      assertEquals(30, backend.sumOfSquares(cube));
      assertEquals(0, backend.sumOfSquares(memory.allocate(DType.F32, Shape.of(0, 7))));
    }
  }

  @ParameterizedTest
  @EnumSource(Computing.class)
  void sumOfSquaresPropagatesNanAndInfinity(Computing computing) {
    try (Backend backend = computing.open()) {
      for (int at : new int[] {0, 15, 16, 98, 99}) {
        float[] values = new float[100];
        values[at] = Float.NaN;
        assertEquals(Double.NaN, backend.sumOfSquares(of(values)));
        values[at] = Float.NEGATIVE_INFINITY;
        assertEquals(Double.POSITIVE_INFINITY, backend.sumOfSquares(of(values)));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Computing.class)
  void everyNumberOfThreadsGivesTheSameBits(Computing computing) {
    Random random = Seeds.random("everyNumberOfThreadsGivesTheSameBits " + computing);
    AdamW step = new AdamW(3e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 7, 0.7f);
    float[][] start = start(random, 70_001, true);
    Tensor tensor = of(start[0]);
    List<float[][]> steps = new ArrayList<>();
    List<Double> sums = new ArrayList<>();
    for (int threads : new int[] {1, 2, 3, 7}) {
      try (Backend backend = computing.open(threads)) {
        steps.add(adamw(backend, step, start, 70_001));
        sums.add(backend.sumOfSquares(tensor));
      }
      assertArrayEquals(steps.getFirst(), steps.getLast());
      assertEquals(sums.getFirst(), sums.getLast());
    }
  }

  private Tensor of(float... values) {
    return Tensors.of(reference, memory, DType.F32, values, values.length);
  }
}
