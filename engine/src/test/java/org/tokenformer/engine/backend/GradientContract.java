package org.tokenformer.engine.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
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
 * Tests the contract of the backward operations against the scalar reference at awkward sizes;
 * {@link FiniteDifferencesTest} tests the reference itself. Errors are relative to {@link
 * GradientMagnitudes}; NaN never passes. Gradients are initialised with numbers other than 0, to
 * which the operations must add.
 */
abstract class GradientContract {
  private static final Dropout SOME = new Dropout(0.3f, 12345);

  private final Backend reference = new CheckedBackend(new ScalarBackend());
  private final MemoryScope memory = new HostScope();
  private Backend backend;
  private Random random;
  private float initial = 1; // 0 initialises gradients with zeros

  abstract Backend open(int threads);

  @BeforeEach
  void start(TestInfo test) {
    backend = open(2);
    random = Seeds.random(getClass().getSimpleName() + "." + test.getDisplayName());
  }

  @AfterEach
  void stop() {
    backend.close();
    memory.close();
  }

  @Test
  void embedBackwardAddsRowsToTheirIds() {
    for (int[] size : new int[][] {{1, 1}, {63, 7}, {64, 8}, {65, 9}, {300, 64}, {130, 101}}) {
      int[] ids = random.ints(size[0] + 2, 0, 17).toArray();
      Tensor dy = activations(size[0], size[1], 1);
      double[][] magnitudes = new double[17][size[1]];
      double[][] terms = GradientMagnitudes.absolute(rows(dy));
      for (int t = 0; t < size[0]; t++) {
        for (int c = 0; c < size[1]; c++) {
          magnitudes[ids[2 + t]][c] += terms[t][c];
        }
      }
      double[][] each = {flat(magnitudes)};
      compare("embedBackward of " + dy, b -> embedBackward(b, ids, dy), each);
    }
  }

  private float[][] embedBackward(Backend b, int[] ids, Tensor dy) {
    Tensor dTable = gradient(17, dy.columns());
    b.embedBackward(ids, 2, dy, dTable);
    return numbers(dTable);
  }

  @Test
  void layerNormBackwardMatches() {
    int[][] sizes = {
      {1, 1}, {5, 3}, {63, 4}, {64, 5}, {65, 7}, {130, 8}, {7, 9}, {300, 15}, {3, 16}, {2, 17},
      {64, 64}, {65, 100}, {5, 101}, {1, 768}, {2, 4098}
    };
    for (int[] size : sizes) {
      Tensor x = activations(size[0], size[1], 3);
      if (size[0] > 1) {
        reference.zero(x.rows(size[0] - 1, 1));
      }
      Tensor dy = activations(size[0], size[1], 1);
      float[] one = new float[size[1]];
      Arrays.fill(one, 1);
      Tensor ones = Tensors.of(backend, memory, DType.F32, one, size[1]);
      Tensor weight = Tensors.of(backend, memory, DType.F32, floats(size[1], 1), size[1]);
      double[][] plain = layerNormMagnitudes(x, ones, dy);
      compare("without weight " + x, b -> layerNormBackward(b, x, null, dy, false), plain);
      double[][] scaled = layerNormMagnitudes(x, weight, dy);
      compare("weight and bias " + x, b -> layerNormBackward(b, x, weight, dy, true), scaled);
      compare("frozen weight " + x, b -> layerNormBackward(b, x, weight, dy, false), scaled);
    }
  }

  /** Returns the magnitudes of the gradients of x, weight and bias. */
  private double[][] layerNormMagnitudes(Tensor x, Tensor weight, Tensor dy) {
    double[] w = GradientMagnitudes.transposed(rows(weight), 1)[0];
    double[][] all = GradientMagnitudes.layerNorm(rows(x), w, 1e-5, rows(dy));
    double[] bias = new double[w.length];
    for (double[] row : rows(dy)) {
      for (int c = 0; c < bias.length; c++) {
        bias[c] += Math.abs(row[c]);
      }
    }
    double[][] dx = Arrays.copyOf(all, all.length - 1);
    return new double[][] {flat(dx), all[all.length - 1], bias};
  }

  private float[][] layerNormBackward(
      Backend b, Tensor x, @Nullable Tensor weight, Tensor dy, boolean learned) {
    Tensor dx = gradient(x.rows(), x.columns());
    Tensor dWeight = gradient(x.columns());
    Tensor dBias = gradient(x.columns());
    b.layerNormBackward(x, weight, 1e-5f, dy, dx, learned ? dWeight : null, learned ? dBias : null);
    return learned ? numbers(dx, dWeight, dBias) : numbers(dx);
  }

  @Test
  void pattentionBackwardMatches() {
    int[][] sizes = {
      {1, 1, 1, 1}, {1, 3, 5, 4}, {2, 100, 300, 64}, {1, 64, 300, 100}, {63, 5, 96, 7},
      {64, 8, 97, 9}, {65, 15, 300, 16}, {65, 7, 1, 13}, {130, 17, 5, 31}, {300, 9, 1, 15},
      {64, 64, 96, 64}, {300, 64, 97, 100}, {1030, 7, 13, 5}
    };
    for (int[] size : sizes) {
      for (Theta theta : Theta.values()) {
        for (DType dtype : List.of(DType.F32, DType.BF16)) {
          Tensor keys = weights(dtype, size[2], size[1]);
          Tensor values = weights(dtype, size[2], size[3]);
          ParameterTokens tokens =
              ParameterTokens.of(theta, theta.defaultTau(size[2]), keys, values);
          Tensor x = activations(size[0], size[1], 1);
          if (size[0] > 1) {
            reference.zero(x.rows(size[0] - 1, 1));
          }
          Tensor dy = activations(size[0], size[3], 1);
          pattentionMatches(x, tokens, dtype == DType.F32 ? SOME : Dropout.NONE, dy);
        }
      }
    }
  }

  private void pattentionMatches(Tensor x, ParameterTokens tokens, Dropout dropout, Tensor dy) {
    double[][] keys = new double[0][];
    double[][] values = new double[0][];
    List<Boolean> trained = new ArrayList<>();
    for (ParameterTokens.Segment segment : tokens.segments()) {
      keys = join(keys, rows(segment.keys().rows(0, segment.rows())));
      values = join(values, rows(segment.values().rows(0, segment.rows())));
      for (int i = 0; i < segment.rows(); i++) {
        trained.add(segment.trainable());
      }
    }
    double[][] a = rows(x);
    double[][] d = rows(dy);
    GradientMagnitudes.Scores scores =
        GradientMagnitudes.pattention(
            tokens.theta(), tokens.tau(), dropout.scale(), a, keys, values, d);
    int n = keys.length;
    double[][] dx = sums(scores.gradient, keys, a[0].length);
    double[][] dKeys = sums(GradientMagnitudes.transposed(scores.gradient, n), a, a[0].length);
    double[][] dValues = sums(GradientMagnitudes.transposed(scores.theta, n), d, d[0].length);
    for (int i = 0; i < n; i++) {
      if (!trained.get(i)) {
        dKeys[i] = new double[a[0].length];
        dValues[i] = new double[d[0].length];
      }
    }
    compare(
        tokens.theta() + " x " + x + " keys " + tokens.segments().getFirst().keys(),
        b -> pattentionBackward(b, x, tokens, dropout, dy),
        new double[][] {flat(dx), flat(dKeys), flat(dValues)});
  }

  /** Runs forward and backward; returns the gradients of x and of the keys and values in use. */
  private float[][] pattentionBackward(
      Backend b, Tensor x, ParameterTokens tokens, Dropout dropout, Tensor dy) {
    Tensor scores = memory.allocate(DType.F32, SavedScores.shape(x.rows(), tokens.count()));
    SavedScores saved = new SavedScores(scores, dropout);
    b.pattention(x, tokens, saved, memory.allocate(DType.F32, dy.shape()));
    Tensor dx = gradient(x.rows(), x.columns());
    Tensor dKeys = gradient(tokens.count(), x.columns());
    Tensor dValues = gradient(tokens.count(), dy.columns());
    List<ParameterGradients.Segment> segments = new ArrayList<>();
    long first = 0;
    for (ParameterTokens.Segment segment : tokens.segments()) {
      Tensor k = dKeys.rows(first, segment.rows());
      Tensor v = dValues.rows(first, segment.rows());
      segments.add(
          segment.trainable()
              ? new ParameterGradients.Segment(k, v)
              : ParameterGradients.Segment.FROZEN);
      first += segment.rows();
    }
    b.pattentionBackward(x, tokens, saved, dy, new ParameterGradients(segments), dx);
    return numbers(dx, dKeys, dValues);
  }

  @Test
  void anyDivisionIntoSegmentsIsBitIdentical() {
    Tensor keys = weights(DType.F32, 301, 24);
    Tensor values = weights(DType.F32, 301, 40);
    for (Theta theta : Theta.values()) {
      ParameterTokens whole = ParameterTokens.of(theta, 5, keys, values);
      List<ParameterTokens.Segment> parts = new ArrayList<>();
      List<ParameterTokens.Segment> someFrozen = new ArrayList<>();
      int first = 0;
      for (int rows : new int[] {1, 130, 0, 7, 163}) {
        // Tensors have more rows than are in use, except in the last segment.
        Tensor k = keys.rows(first, 301 - first);
        Tensor v = values.rows(first, 301 - first);
        parts.add(new ParameterTokens.Segment(k, v, rows, true));
        someFrozen.add(new ParameterTokens.Segment(k, v, rows, rows != 130));
        first += rows;
      }
      for (int rows : new int[] {1, 19, 65}) {
        Tensor x = activations(rows, 24, 1);
        Tensor dy = activations(rows, 40, 1);
        float[][] expected = pattentionBackward(backend, x, whole, SOME, dy);
        ParameterTokens divided = new ParameterTokens(theta, 5, parts);
        assertArrayEquals(expected, pattentionBackward(backend, x, divided, SOME, dy));
        ParameterTokens frozen = new ParameterTokens(theta, 5, someFrozen);
        pattentionMatches(x, frozen, SOME, dy);
        for (int i = 1; i < expected.length; i++) {
          int columns = expected[i].length / 301;
          float[] untouched = Tensors.get(backend, gradient(301, columns));
          System.arraycopy(untouched, columns, expected[i], columns, 130 * columns);
        }
        assertArrayEquals(expected, pattentionBackward(backend, x, frozen, SOME, dy));
      }
    }
  }

  @Test
  void rowsThatAreNotInUseGetNoGradient() {
    Tensor keys = weights(DType.F32, 301, 24);
    Tensor values = weights(DType.F32, 301, 40);
    Tensor x = activations(65, 24, 1);
    Tensor dy = activations(65, 40, 1);
    Tensor scores = memory.allocate(DType.F32, SavedScores.shape(65, 97));
    for (Theta theta : Theta.values()) {
      ParameterTokens used = ParameterTokens.of(theta, 5, keys.rows(0, 97), values.rows(0, 97));
      float[][] expected = pattentionBackward(backend, x, used, SOME, dy);
      ParameterTokens.Segment more = new ParameterTokens.Segment(keys, values, 97, true);
      ParameterTokens tokens = new ParameterTokens(theta, 5, List.of(more));
      SavedScores saved = new SavedScores(scores, SOME);
      backend.pattention(x, tokens, saved, memory.allocate(DType.F32, dy.shape()));
      Tensor dKeys = gradient(301, 24);
      Tensor dValues = gradient(301, 40);
      ParameterGradients gradients =
          new ParameterGradients(List.of(new ParameterGradients.Segment(dKeys, dValues)));
      Tensor dx = gradient(65, 24);
      backend.pattentionBackward(x, tokens, saved, dy, gradients, dx);
      assertArrayEquals(expected, numbers(dx, dKeys.rows(0, 97), dValues.rows(0, 97)));
      float[][] rest = numbers(gradient(301, 24).rows(97, 204), gradient(301, 40).rows(97, 204));
      assertArrayEquals(rest, numbers(dKeys.rows(97, 204), dValues.rows(97, 204)));
    }
  }

  @Test
  void segmentsMayBeOfBothTypes() {
    for (Theta theta : Theta.values()) {
      Tensor base = weights(DType.BF16, 97, 24);
      ParameterTokens.Segment frozen =
          new ParameterTokens.Segment(base, weights(DType.BF16, 97, 40), 97, false);
      ParameterTokens.Segment pack =
          ParameterTokens.Segment.of(weights(DType.F32, 5, 24), weights(DType.F32, 5, 40));
      ParameterTokens tokens = new ParameterTokens(theta, 7, List.of(frozen, pack));
      pattentionMatches(activations(65, 24, 1), tokens, SOME, activations(65, 40, 1));
    }
  }

  @Test
  void appendedZeroKeysChangeNoBitOfTheOldGradients() {
    Tensor keys = weights(DType.F32, 45, 24);
    Tensor values = weights(DType.F32, 45, 40);
    Tensor zeros = memory.allocate(DType.F32, Shape.of(301, 24));
    Tensor fresh = weights(DType.F32, 301, 40);
    for (Theta theta : List.of(Theta.L2_NORM_GELU, Theta.GELU_L2_NORM)) {
      ParameterTokens old = ParameterTokens.of(theta, 5, keys, values);
      List<ParameterTokens.Segment> segments = new ArrayList<>(old.segments());
      segments.add(ParameterTokens.Segment.of(zeros, fresh));
      ParameterTokens grown = new ParameterTokens(theta, 5, segments);
      for (int rows : new int[] {1, 19, 65}) {
        Tensor x = activations(rows, 24, 1);
        Tensor dy = activations(rows, 40, 1);
        for (Dropout dropout : List.of(Dropout.NONE, SOME)) {
          float[][] expected = pattentionBackward(backend, x, old, dropout, dy);
          float[][] actual = pattentionBackward(backend, x, grown, dropout, dy);
          for (int i = 0; i < expected.length; i++) {
            assertArrayEquals(expected[i], Arrays.copyOf(actual[i], expected[i].length));
          }
          float[] start = numbers(gradient(346, 24))[0];
          assertFalse(Arrays.equals(start, 45 * 24, 346 * 24, actual[1], 45 * 24, 346 * 24));
        }
      }
    }
  }

  @Test
  void rowsOfZerosPassNoGradient() {
    Tensor keys = weights(DType.F32, 45, 24);
    Tensor values = weights(DType.F32, 45, 40);
    for (Theta theta : List.of(Theta.L2_NORM_GELU, Theta.GELU_L2_NORM)) {
      for (int rows : new int[] {1, 5, 65}) {
        Tensor x = memory.allocate(DType.F32, Shape.of(rows, 24));
        Tensor dy = activations(rows, 40, 1);
        ParameterTokens tokens = ParameterTokens.of(theta, 5, keys, values);
        float[][] untouched = numbers(gradient(rows, 24), gradient(45, 24), gradient(45, 40));
        assertArrayEquals(untouched, pattentionBackward(backend, x, tokens, SOME, dy));
      }
    }
    for (Theta theta : Theta.values()) {
      ParameterTokens none = ParameterTokens.of(theta, 1, keys.rows(0, 0), values.rows(0, 0));
      Tensor x = activations(5, 24, 1);
      float[][] gradients = pattentionBackward(backend, x, none, SOME, activations(5, 40, 1));
      assertArrayEquals(numbers(gradient(5, 24))[0], gradients[0]);
    }
  }

  @Test
  void dropoutDropsTheSameWeightsEverywhere() {
    int rows = 130;
    int n = 301;
    float[] one = new float[n * n];
    for (int i = 0; i < n; i++) {
      one[i * n + i] = 1;
    }
    Tensor identity = Tensors.of(backend, memory, DType.F32, one, n, n);
    // Softmax is never 0, so a 0 is a dropped weight.
    ParameterTokens tokens =
        ParameterTokens.of(Theta.SOFTMAX, n, weights(DType.F32, n, 7), identity);
    Tensor x = activations(rows, 7, 0.5);
    float[] all = dropped(x, tokens, Dropout.NONE);
    for (float rate : new float[] {0.1f, 0.5f, 0.9f}) {
      Dropout dropout = new Dropout(rate, random.nextInt());
      float[] theta = dropped(x, tokens, dropout);
      int left = 0;
      for (int i = 0; i < theta.length; i++) {
        boolean kept = Dropout.hash(dropout.rowHash(i / n), i % n) >= dropout.threshold();
        float expected = kept ? all[i] * dropout.scale() : 0;
        assertEquals(expected, theta[i], 1e-5 * expected + 1e-30);
        left += kept ? 0 : 1;
      }
      double deviation = Math.sqrt(theta.length * rate * (1 - rate));
      assertEquals(theta.length * rate, left, 5 * deviation, "fraction dropped at rate " + rate);
      // The gradient of the values from one row is its θ.
      int row = 66;
      float[] dy = new float[rows * n];
      dy[row * n] = 1;
      Tensor outGradient = Tensors.of(backend, memory, DType.F32, dy, rows, n);
      float[] dValues = pattentionBackward(backend, x, tokens, dropout, outGradient)[2];
      for (int i = 0; i < n; i++) {
        double added = dValues[i * n] - (double) gradientStart(i * n);
        assertEquals(theta[row * n + i], added, 1e-6 + 1e-5 * theta[row * n + i]);
      }
    }
  }

  private float[] dropped(Tensor x, ParameterTokens tokens, Dropout dropout) {
    Tensor scores = memory.allocate(DType.F32, SavedScores.shape(x.rows(), tokens.count()));
    Tensor out = memory.allocate(DType.F32, Shape.of(x.rows(), tokens.outputChannels()));
    backend.pattention(x, tokens, new SavedScores(scores, dropout), out);
    return Tensors.get(backend, out);
  }

  @Test
  void attentionBackwardMatches() {
    for (int[] size : new int[][] {{1, 1}, {3, 7}, {2, 16}, {1, 17}, {1, 100}, {4, 8}, {2, 64}}) {
      for (int[] lengths : new int[][] {{1}, {1, 1}, {5}, {17, 1, 40}, {63, 64, 65}, {130}}) {
        attentionMatches(size[0], size[1], lengths);
      }
    }
    attentionMatches(1, 8, new int[] {300});
  }

  private void attentionMatches(int heads, int size, int[] lengths) {
    int rows = Arrays.stream(lengths).sum();
    Tensor q = activations(rows, heads * size, 2);
    Tensor k = activations(rows, heads * size, 1);
    Tensor v = activations(rows, heads * size, 1);
    Tensor dy = activations(rows, heads * size, 1);
    reference.zero(q.rows(rows - 1, 1));
    double[][] dq = new double[rows][heads * size];
    double[][] dk = new double[rows][heads * size];
    double[][] dv = new double[rows][heads * size];
    int first = 0;
    for (int length : lengths) {
      for (int from = 0; from < heads * size; from += size) {
        double[][] qs = block(q, first, length, from, size);
        double[][] ks = block(k, first, length, from, size);
        double[][] ds = block(dy, first, length, from, size);
        GradientMagnitudes.Scores all =
            GradientMagnitudes.attention(qs, ks, block(v, first, length, from, size), ds);
        put(sums(all.gradient, ks, size), dq, first, from);
        double[][] turned = GradientMagnitudes.transposed(all.gradient, length);
        put(sums(turned, qs, size), dk, first, from);
        put(sums(GradientMagnitudes.transposed(all.theta, length), ds, size), dv, first, from);
      }
      first += length;
    }
    compare(
        heads + " heads of " + size + ", sequences of " + Arrays.toString(lengths),
        b -> attentionBackward(b, q, k, v, dy, heads, lengths),
        new double[][] {flat(dq), flat(dk), flat(dv)});
  }

  private float[][] attentionBackward(
      Backend b, Tensor q, Tensor k, Tensor v, Tensor dy, int heads, int[] lengths) {
    List<Sequence> batch =
        Arrays.stream(lengths).mapToObj(rows -> new Sequence(rows, 0, null)).toList();
    Tensor logSums = memory.allocate(DType.F32, Shape.of(q.rows(), heads));
    Tensor out = memory.allocate(DType.F32, q.shape());
    b.attention(q, k, v, heads, 0, batch, logSums, out);
    Tensor dq = gradient(q.rows(), q.columns());
    Tensor dk = gradient(q.rows(), q.columns());
    Tensor dv = gradient(q.rows(), q.columns());
    b.attentionBackward(q, k, v, heads, batch, logSums, out, dy, dq, dk, dv);
    return numbers(dq, dk, dv);
  }

  @Test
  void attentionKeepsTheLogarithmsOfItsSums() {
    for (int[] size : new int[][] {{1, 1}, {3, 7}, {2, 64}}) {
      Tensor x = activations(135, size[0] * size[1], 1);
      List<Sequence> batch = List.of(new Sequence(5, 0, null), new Sequence(130, 0, null));
      Function<Backend, float[][]> logSums =
          b -> {
            Tensor kept = memory.allocate(DType.F32, Shape.of(135, size[0]));
            Tensor out = memory.allocate(DType.F32, x.shape());
            b.attention(x, x, x, size[0], 0, batch, kept, out);
            return numbers(kept, out);
          };
      float[][] expected = logSums.apply(reference);
      float[][] actual = logSums.apply(backend);
      for (int i = 0; i < expected.length; i++) {
        for (int j = 0; j < expected[i].length; j++) {
          assertEquals(expected[i][j], actual[i][j], 2e-5 * (1 + Math.abs(expected[i][j])));
        }
      }
      Tensor out = memory.allocate(DType.F32, x.shape());
      backend.attention(x, x, x, size[0], 0, batch, out);
      assertArrayEquals(
          Tensors.get(backend, out), actual[1], "saving them leaves the output bit-identical");
    }
  }

  @Test
  void logitsBackwardMatches() {
    int[][] sizes = {
      {1, 1, 1},
      {1, 65, 103},
      {7, 33, 201},
      {63, 5, 96},
      {64, 8, 97},
      {65, 64, 128},
      {300, 17, 31},
      {1030, 7, 13}
    };
    for (int[] size : sizes) {
      for (DType dtype : List.of(DType.F32, DType.BF16)) {
        Tensor x = activations(size[0], size[1], 1);
        Tensor table = weights(dtype, size[2], size[1]);
        Tensor dy = activations(size[0], size[2], 1);
        double[][] d = GradientMagnitudes.absolute(rows(dy));
        double[][] dx = sums(d, rows(table), size[1]);
        double[][] dTable = sums(GradientMagnitudes.transposed(d, size[2]), rows(x), size[1]);
        double[][] magnitudes = {flat(dx), flat(dTable)};
        compare("logits " + dy, b -> logitsBackward(b, x, table, dy), magnitudes);
        Tensor onlyX = gradient(x.rows(), x.columns());
        backend.logitsBackward(x, table, dy, onlyX, null);
        assertArrayEquals(logitsBackward(backend, x, table, dy)[0], numbers(onlyX)[0]);
      }
    }
  }

  private float[][] logitsBackward(Backend b, Tensor x, Tensor table, Tensor dy) {
    Tensor dx = gradient(x.rows(), x.columns());
    Tensor dTable = gradient(table.rows(), table.columns());
    b.logitsBackward(x, table, dy, dx, dTable);
    return numbers(dx, dTable);
  }

  @Test
  void crossEntropyBackwardReplacesTheLogits() {
    for (int rows : new int[] {1, 64, 65}) {
      for (int vocabulary : new int[] {1, 3, 4, 5, 8, 17, 103, 1000}) {
        Tensor logits = activations(rows, vocabulary, 10);
        int[] targets = random.ints(rows + 2, 0, vocabulary).toArray();
        float[][] expected = crossEntropyBackward(reference, logits, targets);
        float[][] actual = crossEntropyBackward(backend, logits, targets);
        for (int i = 0; i < expected[0].length; i++) {
          boolean target = targets[2 + i / vocabulary] == i % vocabulary;
          // If the probability is near 1, the target's gradient is a difference of two numbers.
          double magnitude = Math.abs(expected[0][i]) + (target ? 0.37 : 0);
          assertEquals(expected[0][i], actual[0][i], 2e-5 * magnitude + 1e-30, "logit " + i);
        }
        for (int t = 0; t < rows; t++) {
          assertEquals(expected[1][t], actual[1][t], 3e-5 * (1 + expected[1][t]), "loss " + t);
        }
        Tensor losses = memory.allocate(DType.F32, Shape.of(rows));
        backend.crossEntropy(logits, targets, 2, losses);
        assertArrayEquals(
            Tensors.get(backend, losses), actual[1], "losses with and without backward");
      }
    }
  }

  private float[][] crossEntropyBackward(Backend b, Tensor logits, int[] targets) {
    Tensor gradient = memory.allocate(DType.F32, logits.shape());
    b.copy(logits, gradient);
    Tensor losses = memory.allocate(DType.F32, Shape.of(logits.rows()));
    b.crossEntropyBackward(gradient, targets, 2, 0.37f, losses);
    return numbers(gradient, losses);
  }

  @Test
  void notANumberStaysInItsRow() {
    Tensor keys = weights(DType.F32, 45, 24);
    Tensor values = weights(DType.F32, 45, 24);
    Tensor weight = Tensors.of(backend, memory, DType.F32, floats(24, 1), 24);
    int[] targets = random.ints(70, 0, 24).toArray();
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      for (int rows : new int[] {1, 2, 65}) {
        for (Theta theta : Theta.values()) {
          ParameterTokens tokens = ParameterTokens.of(theta, 5, keys, values);
          isolated(bad, rows, 0, (x, dy) -> pattentionBackward(backend, x, tokens, SOME, dy)[0]);
          isolated(bad, rows, 1, (x, dy) -> pattentionBackward(backend, x, tokens, SOME, dy)[0]);
        }
        isolated(bad, rows, 0, (x, dy) -> layerNormBackward(backend, x, weight, dy, true)[0]);
        isolated(bad, rows, 1, (x, dy) -> layerNormBackward(backend, x, weight, dy, true)[0]);
        isolated(bad, rows, 1, (x, dy) -> logitsBackward(backend, x, keys.rows(0, 24), dy)[0]);
        if (bad != Float.NEGATIVE_INFINITY) { // which gives probability 0
          isolated(bad, rows, 0, (x, dy) -> crossEntropyBackward(backend, x, targets)[0]);
        }
      }
    }
  }

  /** Sets an element in the last row of one of two operands (rows, 24) to a bad value. */
  private void isolated(
      float bad, int rows, int which, BiFunction<Tensor, Tensor, float[]> operation) {
    Tensor[] operands = {activations(rows, 24, 1), activations(rows, 24, 1)};
    float[] expected = operation.apply(operands[0], operands[1]);
    float[] dirty = Tensors.get(backend, operands[which]);
    dirty[(rows - 1) * 24 + 5] = bad;
    Tensors.set(backend, operands[which], dirty);
    float[] actual = operation.apply(operands[0], operands[1]);
    int last = (rows - 1) * 24;
    assertArrayEquals(Arrays.copyOf(expected, last), Arrays.copyOf(actual, last));
    boolean spoiled = false;
    for (int i = last; i < actual.length; i++) {
      spoiled |= !Float.isFinite(actual[i]);
    }
    assertTrue(spoiled, "a NaN or infinity disappeared");
  }

  @Test
  void notANumberStaysInItsSequence() {
    int[] lengths = {3, 70, 2};
    for (int which = 0; which < 4; which++) {
      Tensor[] x = new Tensor[4];
      for (int i = 0; i < 4; i++) {
        x[i] = activations(75, 24, 1);
      }
      float[][] expected = attentionBackward(backend, x[0], x[1], x[2], x[3], 3, lengths);
      float[] dirty = Tensors.get(backend, x[which]);
      dirty[40 * 24 + 5] = Float.NaN;
      Tensors.set(backend, x[which], dirty);
      float[][] actual = attentionBackward(backend, x[0], x[1], x[2], x[3], 3, lengths);
      boolean spoiled = false;
      for (int i = 0; i < 3; i++) {
        for (float value : actual[i]) {
          spoiled |= Float.isNaN(value);
        }
        System.arraycopy(expected[i], 3 * 24, actual[i], 3 * 24, 70 * 24);
      }
      assertTrue(spoiled, "NaN disappeared");
      assertArrayEquals(expected, actual);
    }
  }

  @Test
  void everyNumberOfThreadsGivesTheSameBits() {
    Tensor all = activations(1100, 48, 1);
    Tensor gradients = activations(1100, 48, 1);
    Tensor keys = weights(DType.F32, 301, 48);
    Tensor values = weights(DType.F32, 301, 48);
    Tensor wide = activations(1100, 301, 1);
    Tensor weight = Tensors.of(backend, memory, DType.F32, floats(48, 1), 48);
    int[] ids = random.ints(1110, 0, 17).toArray();
    List<float[][]> results = new ArrayList<>();
    for (int threads : new int[] {1, 2, 3, 7}) {
      List<float[]> result = new ArrayList<>();
      try (Backend b = open(threads)) {
        for (int rows : new int[] {1, 20, 150, 1100}) {
          Tensor x = all.rows(0, rows);
          Tensor dy = gradients.rows(0, rows);
          for (Theta theta : Theta.values()) {
            ParameterTokens tokens = ParameterTokens.of(theta, 9, keys, values);
            result.addAll(List.of(pattentionBackward(b, x, tokens, SOME, dy)));
          }
          result.addAll(List.of(embedBackward(b, ids, dy)));
          result.addAll(List.of(layerNormBackward(b, x, weight, dy, true)));
          result.addAll(List.of(attentionBackward(b, x, x, x, dy, 3, new int[] {rows})));
          result.addAll(List.of(logitsBackward(b, x, keys, wide.rows(0, rows))));
          result.addAll(List.of(crossEntropyBackward(b, x, ids)));
        }
      }
      results.add(result.toArray(float[][]::new));
    }
    for (float[][] result : results) {
      assertArrayEquals(results.getFirst(), result);
    }
  }

  @Test
  void gradientsAreAdded() {
    Tensor x = activations(65, 24, 1);
    Tensor dy = activations(65, 24, 1);
    Tensor weight = Tensors.of(backend, memory, DType.F32, floats(24, 1), 24);
    Tensor keys = weights(DType.F32, 24, 24);
    int[] ids = random.ints(70, 0, 17).toArray();
    List<Supplier<float[][]>> operations = new ArrayList<>();
    for (Theta theta : Theta.values()) {
      ParameterTokens tokens = ParameterTokens.of(theta, 5, keys, weights(DType.F32, 24, 24));
      operations.add(() -> pattentionBackward(backend, x, tokens, SOME, dy));
    }
    operations.add(() -> embedBackward(backend, ids, dy));
    operations.add(() -> layerNormBackward(backend, x, weight, dy, true));
    operations.add(() -> attentionBackward(backend, x, x, x, dy, 3, new int[] {60, 5}));
    operations.add(() -> logitsBackward(backend, x, keys, dy));
    for (Supplier<float[][]> operation : operations) {
      float[][] added = operation.get();
      initial = 0;
      float[][] alone = operation.get();
      initial = 1;
      for (int i = 0; i < added.length; i++) {
        for (int j = 0; j < added[i].length; j++) {
          double sum = alone[i][j] + (double) gradientStart(j);
          assertEquals(sum, added[i][j], 2e-5 * (2 + Math.abs(alone[i][j])));
        }
      }
    }
  }

  /**
   * Runs an operation on both backends and compares each gradient; {@code magnitudes} has one array
   * per gradient.
   */
  private void compare(String what, Function<Backend, float[][]> operation, double[][] magnitudes) {
    float[][] expected = operation.apply(reference);
    float[][] actual = operation.apply(backend);
    for (int i = 0; i < expected.length; i++) {
      for (int j = 0; j < expected[i].length; j++) {
        double tolerance =
            GradientMagnitudes.TOLERANCE * magnitudes[i][j]
                + 4 * 0x1p-24 * Math.abs(gradientStart(j))
                + 1e-30;
        double error = Math.abs((double) actual[i][j] - expected[i][j]);
        if (!(error <= tolerance)) {
          fail(
              "%s, gradient %d, element %d: expected %g, got %g, tolerance %g"
                  .formatted(what, i, j, expected[i][j], actual[i][j], tolerance));
        }
      }
    }
  }

  private Tensor gradient(long... shape) {
    Tensor tensor = memory.allocate(DType.F32, Shape.of(shape));
    float[] values = new float[(int) tensor.shape().elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = gradientStart(i);
    }
    Tensors.set(reference, tensor, values);
    return tensor;
  }

  /** Returns the initial value of a gradient's i-th element, between −2 and 2. */
  private float gradientStart(int i) {
    return initial * (i % 17 * 0.25f - 2);
  }

  private float[][] numbers(Tensor... tensors) {
    float[][] numbers = new float[tensors.length][];
    for (int i = 0; i < tensors.length; i++) {
      numbers[i] = Tensors.get(reference, tensors[i]);
    }
    return numbers;
  }

  private double[][] rows(Tensor tensor) {
    return block(tensor, 0, (int) tensor.rows(), 0, (int) tensor.columns());
  }

  private double[][] block(Tensor tensor, int firstRow, int rows, int firstColumn, int columns) {
    float[] values = Tensors.get(reference, tensor);
    double[][] block = new double[rows][columns];
    for (int i = 0; i < rows; i++) {
      for (int c = 0; c < columns; c++) {
        block[i][c] = values[(firstRow + i) * (int) tensor.columns() + firstColumn + c];
      }
    }
    return block;
  }

  private static void put(double[][] block, double[][] matrix, int firstRow, int firstColumn) {
    for (int i = 0; i < block.length; i++) {
      System.arraycopy(block[i], 0, matrix[firstRow + i], firstColumn, block[i].length);
    }
  }

  /** Returns a·|b|. */
  private static double[][] sums(double[][] a, double[][] b, int columns) {
    double[][] turned = GradientMagnitudes.transposed(GradientMagnitudes.absolute(b), columns);
    return GradientMagnitudes.product(a, turned);
  }

  private static double[] flat(double[][] rows) {
    return Arrays.stream(rows).flatMapToDouble(Arrays::stream).toArray();
  }

  private static double[][] join(double[][] a, double[][] b) {
    double[][] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  private float[] floats(int count, double scale) {
    return Tensors.random(random, count, scale);
  }

  private Tensor activations(int rows, int columns, double scale) {
    return Tensors.of(backend, memory, DType.F32, floats(rows * columns, scale), rows, columns);
  }

  private Tensor weights(DType dtype, int rows, int columns) {
    float[] values = Tensors.bf16(floats(rows * columns, 1));
    return Tensors.of(backend, memory, dtype, values, rows, columns);
  }
}
