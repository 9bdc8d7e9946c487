package org.tokenformer.engine.backend;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

/**
 * Compares the gradients of the reference with finite differences of its forward pass, along random
 * directions, for the loss Σ out·r with random r.
 *
 * <p>Two central differences, with steps h and 2h, are combined into one with an error of order h⁴.
 * The tolerance includes its distance from the difference with step h, whose error is of order h².
 * Outputs are rounded to F32, so the loss is uncertain by up to 2⁻²⁴·Σ|out·r| and its difference by
 * 3/2h times that. Inputs and directions have few significant bits, so that moving an input needs
 * no rounding.
 */
final class FiniteDifferencesTest {
  private static final double STEP = 0x1p-9;
  private static final float EPSILON = 0.5f; // keeps the curvature at a row of zeros small

  private final Backend backend = new CheckedBackend(new ScalarBackend());
  private final HostScope memory = new HostScope();
  private Random random = new Random();

  @BeforeEach
  void seed(TestInfo test) {
    random = Seeds.random(getClass().getSimpleName() + "." + test.getDisplayName());
  }

  @AfterEach
  void close() {
    memory.close();
  }

  @Test
  void embed() {
    Tensor table = input(5, 7);
    int[] ids = {9, 4, 0, 3, 3, 9};
    Tensor out = zeros(4, 7);
    Tensor r = input(4, 7);
    Tensor dTable = zeros(5, 7);
    backend.embedBackward(ids, 1, r, dTable);
    Operation operation =
        new Operation(
            () -> {
              backend.embed(table, ids, 1, out);
            },
            out,
            r);
    matches("table", table, dTable, operation);
  }

  @Test
  void layerNorm() {
    for (int[] size : new int[][] {{1, 1}, {1, 5}, {7, 13}, {3, 31}}) {
      Tensor x = input(size[0], size[1]);
      zeroRow(x, size[0] - 1, size[0] > 1);
      for (Tensor weight : new @Nullable Tensor[] {null, input(size[1])}) {
        layerNorm(x, weight, weight == null ? null : input(size[1]));
      }
    }
  }

  private void layerNorm(Tensor x, @Nullable Tensor weight, @Nullable Tensor bias) {
    Tensor out = zerosLike(x);
    Tensor r = input(x.rows(), x.columns());
    Operation operation =
        new Operation(
            () -> {
              backend.layerNorm(x, weight, bias, EPSILON, out);
            },
            out,
            r);
    Tensor dx = zerosLike(x);
    Tensor dWeight = weight == null ? null : zerosLike(weight);
    Tensor dBias = bias == null ? null : zerosLike(bias);
    backend.layerNormBackward(x, weight, EPSILON, r, dx, dWeight, dBias);
    matches("x", x, dx, operation);
    if (weight != null && bias != null && dWeight != null && dBias != null) {
      matches("weight", weight, dWeight, operation);
      matches("bias", bias, dBias, operation);
    }
  }

  @Test
  void pattention() {
    // With few scores, a step may cross the point where all are 0 and Θ jumps. A score that is a
    // single product cannot.
    for (int[] size : new int[][] {{1, 1, 1, 1}, {1, 3, 5, 2}, {7, 5, 11, 3}, {3, 13, 7, 17}}) {
      for (Theta theta : Theta.values()) {
        for (Dropout dropout : List.of(Dropout.NONE, new Dropout(0.4f, random.nextInt()))) {
          Tensor x = input(size[0], size[1]);
          zeroRow(x, size[0] - 1, size[0] > 1);
          Tensor keys = keys(size[2], size[1]);
          Tensor values = input(size[2], size[3]);
          pattention(x, ParameterTokens.of(theta, 2.5f, keys, values), dropout);
        }
      }
    }
  }

  @Test
  void pattentionOfSegments() {
    for (Theta theta : Theta.values()) {
      List<ParameterTokens.Segment> segments = new ArrayList<>();
      segments.add(new ParameterTokens.Segment(keys(5, 7), input(4, 3), 3, true));
      segments.add(new ParameterTokens.Segment(keys(2, 7), input(2, 3), 2, false));
      segments.add(new ParameterTokens.Segment(keys(1, 7), input(1, 3), 0, true));
      segments.add(ParameterTokens.Segment.of(keys(4, 7), input(4, 3)));
      Tensor x = input(5, 7);
      pattention(x, new ParameterTokens(theta, 3, segments), new Dropout(0.2f, random.nextInt()));
    }
  }

  private void pattention(Tensor x, ParameterTokens tokens, Dropout dropout) {
    Tensor out = zeros(x.rows(), tokens.outputChannels());
    Tensor r = input(out.rows(), out.columns());
    Tensor scores = memory.allocate(DType.F32, SavedScores.shape(x.rows(), tokens.count()));
    SavedScores saved = new SavedScores(scores, dropout);
    Operation operation =
        new Operation(
            () -> {
              backend.pattention(x, tokens, saved, out);
            },
            out,
            r);
    operation.forward().run();
    Tensor dx = zerosLike(x);
    List<ParameterGradients.Segment> gradients = new ArrayList<>();
    for (ParameterTokens.Segment segment : tokens.segments()) {
      gradients.add(
          segment.trainable()
              ? new ParameterGradients.Segment(
                  zerosLike(segment.keys()), zerosLike(segment.values()))
              : ParameterGradients.Segment.FROZEN);
    }
    backend.pattentionBackward(x, tokens, saved, r, new ParameterGradients(gradients), dx);
    String what = tokens.theta() + " of " + x + ", dropout " + dropout.rate() + ": ";
    matches(what + "x", x, dx, operation);
    for (int i = 0; i < gradients.size(); i++) {
      Tensor dKeys = gradients.get(i).keys();
      Tensor dValues = gradients.get(i).values();
      if (dKeys != null && dValues != null) {
        matches(what + "keys " + i, tokens.segments().get(i).keys(), dKeys, operation);
        matches(what + "values " + i, tokens.segments().get(i).values(), dValues, operation);
      }
    }
  }

  @Test
  void negatedSinesReverseRotary() {
    Tensor x = input(4, 14);
    Tensor r = input(4, 14);
    float[] angles = Tensors.random(random, 7 * 2, 1);
    float[] sines = new float[angles.length];
    float[] cosines = new float[angles.length];
    float[] negated = new float[angles.length];
    for (int i = 0; i < angles.length; i++) {
      cosines[i] = (float) Math.cos(angles[i]);
      sines[i] = (float) Math.sin(angles[i]);
      negated[i] = -sines[i];
    }
    Tensor cosine = Tensors.of(backend, memory, DType.F32, cosines, 7, 2);
    Tensor sine = Tensors.of(backend, memory, DType.F32, sines, 7, 2);
    Tensor back = Tensors.of(backend, memory, DType.F32, negated, 7, 2);
    List<Sequence> batch = List.of(new Sequence(3, 0, null), new Sequence(1, 0, null));
    Tensor dx = zerosLike(x);
    backend.copy(r, dx);
    backend.rotary(dx, 2, new RotaryTable(cosine, back), batch);
    Tensor out = zerosLike(x);
    Operation operation =
        new Operation(
            () -> {
              backend.copy(x, out);
              backend.rotary(out, 2, new RotaryTable(cosine, sine), batch);
            },
            out,
            r);
    matches("x", x, dx, operation);
  }

  @Test
  void attention() {
    for (int[] heads : new int[][] {{1, 1}, {3, 2}, {2, 7}}) {
      for (int[] rows : new int[][] {{1}, {1, 1}, {5}, {3, 1, 7}}) {
        attention(heads[0], heads[0] * heads[1], rows);
      }
    }
  }

  private void attention(int heads, int channels, int[] lengths) {
    List<Sequence> batch =
        Arrays.stream(lengths).mapToObj(rows -> new Sequence(rows, 0, null)).toList();
    int rows = Arrays.stream(lengths).sum();
    Tensor query = input(rows, channels);
    Tensor key = input(rows, channels);
    Tensor value = input(rows, channels);
    zeroRow(query, rows - 1, true);
    Tensor logSums = zeros(rows, heads);
    Tensor out = zerosLike(query);
    Tensor r = input(rows, channels);
    Operation operation =
        new Operation(
            () -> {
              backend.attention(query, key, value, heads, 0, batch, logSums, out);
            },
            out,
            r);
    operation.forward().run();
    Tensor dq = zerosLike(query);
    Tensor dk = zerosLike(key);
    Tensor dv = zerosLike(value);
    backend.attentionBackward(query, key, value, heads, batch, logSums, out, r, dq, dk, dv);
    matches("query", query, dq, operation);
    matches("key", key, dk, operation);
    matches("value", value, dv, operation);
  }

  @Test
  void logits() {
    for (int[] size : new int[][] {{1, 1, 1}, {1, 5, 7}, {7, 3, 13}}) {
      Tensor x = input(size[0], size[1]);
      Tensor table = input(size[2], size[1]);
      Tensor out = zeros(size[0], size[2]);
      Tensor r = input(size[0], size[2]);
      Operation operation =
          new Operation(
              () -> {
                backend.logits(x, table, out);
              },
              out,
              r);
      Tensor dx = zerosLike(x);
      Tensor dTable = zerosLike(table);
      backend.logitsBackward(x, table, r, dx, dTable);
      matches("x", x, dx, operation);
      matches("table", table, dTable, operation);
    }
  }

  @Test
  void crossEntropy() {
    for (int[] size : new int[][] {{1, 1}, {1, 2}, {7, 13}, {3, 31}}) {
      Tensor logits = input(size[0], size[1]);
      zeroRow(logits, size[0] - 1, size[0] > 1);
      int[] targets = random.ints(size[0] + 2, 0, size[1]).toArray();
      float weight = 0.375f;
      float[] weights = new float[size[0]];
      Arrays.fill(weights, weight);
      Tensor r = Tensors.of(backend, memory, DType.F32, weights, size[0]);
      Tensor losses = zeros(size[0]);
      Tensor gradient = zerosLike(logits);
      backend.copy(logits, gradient);
      backend.crossEntropyBackward(gradient, targets, 2, weight, losses);
      Operation operation =
          new Operation(
              () -> {
                backend.crossEntropy(logits, targets, 2, losses);
              },
              losses,
              r);
      matches("logits", logits, gradient, operation);
    }
  }

  /** An operation that computes {@code out}, and the factors r of its elements in the loss. */
  private record Operation(Runnable forward, Tensor out, Tensor r) {}

  /** Returns Σ out·r and Σ|out·r|. */
  private record Loss(double sum, double magnitude) {}

  private Loss loss(Operation operation) {
    operation.forward().run();
    float[] y = Tensors.get(backend, operation.out());
    float[] weights = Tensors.get(backend, operation.r());
    double sum = 0;
    double magnitude = 0;
    for (int i = 0; i < y.length; i++) {
      sum += (double) y[i] * weights[i];
      magnitude += Math.abs((double) y[i] * weights[i]);
    }
    return new Loss(sum, magnitude);
  }

  /** Moves the input along random directions; zeros stay fixed, since Θ may jump there. */
  private void matches(String what, Tensor input, Tensor gradient, Operation operation) {
    float[] x = Tensors.get(backend, input);
    float[] g = Tensors.get(backend, gradient);
    for (int repetition = 0; repetition < 3; repetition++) {
      double[] direction = new double[x.length];
      double expected = 0;
      double magnitude = 0;
      for (int i = 0; i < x.length; i++) {
        direction[i] = x[i] == 0 ? 0 : random.nextInt(-64, 65) * 0x1p-6;
        expected += g[i] * direction[i];
        magnitude += Math.abs(g[i] * direction[i]);
      }
      double outputs = loss(operation).magnitude();
      double near = difference(input, x, direction, STEP, operation);
      double far = difference(input, x, direction, 2 * STEP, operation);
      double actual = (4 * near - far) / 3;
      double tolerance =
          Math.abs(actual - near) + 0x1p-24 * (1.5 / STEP * outputs + 4 * magnitude) + 1e-30;
      if (!(Math.abs(actual - expected) <= tolerance)) {
        fail(
            "%s %s: gradient gives %g, differences %g, tolerance %g"
                .formatted(what, input, expected, actual, tolerance));
      }
    }
    Tensors.set(backend, input, x);
  }

  private double difference(
      Tensor input, float[] x, double[] direction, double step, Operation operation) {
    float[] moved = new float[x.length];
    double[] sums = new double[2];
    for (int side = 0; side < 2; side++) {
      for (int i = 0; i < x.length; i++) {
        moved[i] = (float) (x[i] + (side == 0 ? step : -step) * direction[i]);
      }
      Tensors.set(backend, input, moved);
      sums[side] = loss(operation).sum();
    }
    return (sums[0] - sums[1]) / (2 * step);
  }

  /** Returns numbers of magnitude ½ to 1½ and either sign, in steps of 2⁻¹⁰. */
  private Tensor input(long... shape) {
    Tensor tensor = zeros(shape);
    float[] values = new float[(int) tensor.shape().elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextInt(512, 1537) * (random.nextBoolean() ? 0x1p-10f : -0x1p-10f);
    }
    Tensors.set(backend, tensor, values);
    return tensor;
  }

  /**
   * Returns inputs that give scores of about 1: if all are far below 0, gelu curves too much for
   * the steps.
   */
  private Tensor keys(int n, int channels) {
    Tensor keys = input(n, channels);
    float[] values = Tensors.get(backend, keys);
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.scalb(values[i], -(int) Math.round(Math.log(channels) / Math.log(4)));
    }
    Tensors.set(backend, keys, values);
    return keys;
  }

  private void zeroRow(Tensor tensor, long row, boolean wanted) {
    if (wanted) {
      backend.zero(tensor.rows(row, 1));
    }
  }

  private Tensor zeros(long... shape) {
    return memory.allocate(DType.F32, Shape.of(shape));
  }

  private Tensor zerosLike(Tensor tensor) {
    return memory.allocate(DType.F32, tensor.shape());
  }
}
