package org.tokenformer.engine.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
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
 * Tests the contract of {@link Backend} against the scalar reference at awkward sizes. Errors are
 * relative to the sum of the magnitudes that were added; NaN never passes.
 */
abstract class BackendContract {
  private static final double TOLERANCE = 1e-5;

  /** The types of weights. */
  private static final List<DType> WEIGHTS = List.of(DType.F32, DType.BF16, DType.I8, DType.I4);

  private final Backend reference = new CheckedBackend(new ScalarBackend());
  private final MemoryScope memory = new HostScope();
  private final List<CachePool> pools = new ArrayList<>();
  private Backend backend;
  private Random random;

  abstract Backend open(int threads);

  @BeforeEach
  void start(TestInfo test) {
    backend = open(2);
    random = Seeds.random(getClass().getSimpleName() + "." + test.getDisplayName());
  }

  @AfterEach
  void stop() {
    pools.forEach(CachePool::close);
    backend.close();
    memory.close();
  }

  @Test
  void embedCopiesRows() {
    for (DType dtype : WEIGHTS) {
      for (int channels : new int[] {1, 7, 16, 33, 128, 301}) {
        Tensor table = weights(dtype, 5, channels);
        int[] ids = {9, 4, 0, 3, 3};
        same(
            b -> {
              Tensor out = memory.allocate(DType.F32, Shape.of(3, channels));
              b.embed(table, ids, 1, out);
              return out;
            },
            0);
      }
    }
  }

  @Test
  void layerNormNormalisesRows() {
    for (int channels : new int[] {1, 3, 8, 31, 768, 4098}) {
      Tensor x = activations(5, channels, 3);
      Tensor weight = Tensors.of(backend, memory, DType.F32, floats(channels, 1), channels);
      Tensor bias = Tensors.of(backend, memory, DType.F32, floats(channels, 1), channels);
      same(b -> norm(b, x, null, null), 3e-5);
      same(b -> norm(b, x, weight, bias), 3e-5);
      same(
          b -> {
            Tensor copy = Tensors.of(b, memory, DType.F32, Tensors.get(b, x), 5, channels);
            b.layerNorm(copy, weight, null, 1e-5f, copy);
            return copy;
          },
          3e-5);
    }
  }

  private Tensor norm(Backend b, Tensor x, @Nullable Tensor weight, @Nullable Tensor bias) {
    Tensor out = memory.allocate(DType.F32, x.shape());
    b.layerNorm(x, weight, bias, 1e-5f, out);
    return out;
  }

  @Test
  void pattentionIsThetaOfScoresTimesValues() {
    int[][] sizes = {
      {1, 1, 1, 1},
      {2, 3, 1, 5},
      {7, 5, 7, 3},
      {1, 33, 97, 17},
      {8, 16, 16, 16},
      {17, 31, 103, 29},
      {1, 64, 300, 100},
      {33, 48, 40, 64},
      {65, 20, 30, 10},
      {3, 257, 515, 97},
      {300, 9, 11, 7},
      {16, 384, 70, 272},
      {15, 130, 300, 257},
      {19, 130, 300, 257},
      {48, 70, 97, 130},
      {49, 130, 300, 257},
      {1, 272, 70, 384},
      {1030, 7, 13, 5},
    };
    for (int[] size : sizes) {
      for (Theta theta : Theta.values()) {
        for (DType dtype : WEIGHTS) {
          Tensor keys = weights(dtype, size[2], size[1]);
          Tensor values = weights(dtype, size[2], size[3]);
          ParameterTokens tokens =
              ParameterTokens.of(theta, theta.defaultTau(size[2]), keys, values);
          pattentionMatches(activations(size[0], size[1], 1), tokens);
        }
      }
    }
  }

  @Test
  void pattentionOfNoTokensIsZero() {
    Tensor nothing = memory.allocate(DType.F32, Shape.of(3, 150));
    ParameterTokens tokens =
        new ParameterTokens(
            Theta.L2_NORM_GELU, 1, List.of(new ParameterTokens.Segment(nothing, nothing, 0, true)));
    for (int rows : new int[] {1, 5, 40, 70}) {
      float[] zeros = new float[rows * 150];
      assertArrayEquals(zeros, pattention(backend, activations(rows, 150, 1), tokens));
    }
  }

  @Test
  void pattentionOfSegmentsOfSeveralTypes() {
    for (int rows : new int[] {1, 5, 40, 70}) {
      List<ParameterTokens.Segment> segments = new ArrayList<>();
      int count = 13;
      for (DType dtype : List.of(DType.I4, DType.F32, DType.I8, DType.BF16, DType.I4)) {
        Tensor keys = weights(dtype, count + 2, 150);
        segments.add(new ParameterTokens.Segment(keys, weights(dtype, count + 1, 97), count, true));
        count = count * 3 % 16;
      }
      ParameterTokens tokens = new ParameterTokens(Theta.L2_NORM_GELU, 5, segments);
      pattentionMatches(activations(rows, 150, 1), tokens);
    }
  }

  @Test
  void pattentionOfLongRows() {
    Tensor keys = weights(DType.F32, 11, 4098);
    Tensor values = weights(DType.F32, 11, 4098);
    ParameterTokens tokens = ParameterTokens.of(Theta.L2_NORM_GELU, 3.3f, keys, values);
    pattentionMatches(activations(2, 4098, 1), tokens);
    pattentionMatches(activations(1, 4098, 1), tokens);
  }

  /** Checks |error| relative to Σ|θ·W|; the reference gives θ for values that are 1 or 0. */
  private void pattentionMatches(Tensor x, ParameterTokens tokens) {
    int n = (int) tokens.count();
    Tensor identity = unit(n);
    List<ParameterTokens.Segment> units = new ArrayList<>();
    int first = 0;
    for (ParameterTokens.Segment segment : tokens.segments()) {
      units.add(
          new ParameterTokens.Segment(
              segment.keys(), identity.rows(first, segment.rows()), segment.rows(), true));
      first += (int) segment.rows();
    }
    Tensor theta = memory.allocate(DType.F32, Shape.of(x.rows(), n));
    reference.pattention(x, new ParameterTokens(tokens.theta(), tokens.tau(), units), theta);
    float[] thetas = Tensors.get(reference, theta);
    int columns = (int) tokens.outputChannels();
    double[] magnitudes = new double[(int) x.rows() * columns];
    first = 0;
    for (ParameterTokens.Segment segment : tokens.segments()) {
      float[] values = Tensors.get(reference, segment.values());
      for (int t = 0; t < x.rows(); t++) {
        for (int i = 0; i < segment.rows(); i++) {
          for (int c = 0; c < columns; c++) {
            double product = (double) thetas[t * n + first + i] * values[i * columns + c];
            magnitudes[t * columns + c] += Math.abs(product);
          }
        }
      }
      first += (int) segment.rows();
    }
    if (tokens.theta() == Theta.SOFTMAX) {
      // An error of a score is a relative error of its exponential. If large terms of a score
      // cancel,
      // their rounding errors remain: a few units of 2⁻²⁴ of Σ|x·K|.
      double[] terms = scoreMagnitudes(x, tokens);
      for (int i = 0; i < magnitudes.length; i++) {
        magnitudes[i] *= 1 + 4 * 0x1p-24 * terms[i / columns] / (2 * TOLERANCE);
      }
    }
    String what = tokens.theta() + " x " + x + " keys " + tokens.segments().getFirst().keys();
    compare(what, pattention(reference, x, tokens), pattention(backend, x, tokens), magnitudes, 2);
  }

  /** Returns the largest Σ|x·K| of each row. */
  private double[] scoreMagnitudes(Tensor x, ParameterTokens tokens) {
    float[] rows = Tensors.get(reference, x);
    int channels = (int) tokens.inputChannels();
    double[] largest = new double[(int) x.rows()];
    for (ParameterTokens.Segment segment : tokens.segments()) {
      float[] keys = Tensors.get(reference, segment.keys());
      for (int i = 0; i < largest.length * segment.rows(); i++) {
        int t = i / (int) segment.rows();
        int n = i % (int) segment.rows();
        double sum = 0;
        for (int c = 0; c < channels; c++) {
          sum += Math.abs((double) rows[t * channels + c] * keys[n * channels + c]);
        }
        largest[t] = Math.max(largest[t], sum);
      }
    }
    return largest;
  }

  private float[] pattention(Backend b, Tensor x, ParameterTokens tokens) {
    Tensor out = memory.allocate(DType.F32, Shape.of(x.rows(), tokens.outputChannels()));
    b.pattention(x, tokens, out);
    return Tensors.get(b, out);
  }

  @Test
  void thetasAreTheWeightsOfTheForwardPass() {
    int[][] sizes = {
      {1, 1, 1},
      {2, 3, 1},
      {7, 5, 7},
      {1, 33, 97},
      {8, 16, 16},
      {17, 31, 103},
      {33, 48, 40},
      {65, 20, 30},
      {64, 9, 257},
      {3, 257, 515},
      {300, 9, 11},
      {1030, 4, 33}
    };
    for (int[] size : sizes) {
      for (Theta theta : Theta.values()) {
        for (DType dtype : List.of(DType.F32, DType.BF16)) {
          Tensor x = activations(size[0], size[1], 1);
          if (size[0] > 1) {
            reference.zero(x.rows(size[0] - 1, 1));
          }
          float tau = theta.defaultTau(size[2]);
          thetasMatch(
              x, ParameterTokens.of(theta, tau, weights(dtype, size[2], size[1]), unit(size[2])));
        }
      }
    }
  }

  @Test
  void thetasOfSeveralSegments() {
    Tensor keys = weights(DType.F32, 301, 24);
    Tensor unit = unit(301);
    for (Theta theta : Theta.values()) {
      List<ParameterTokens.Segment> parts = new ArrayList<>();
      int first = 0;
      for (int rows : new int[] {1, 130, 0, 7, 163}) {
        // Tensors have more rows than are in use, except in the last segment.
        Tensor k = keys.rows(first, 301 - first);
        parts.add(new ParameterTokens.Segment(k, unit.rows(first, 301 - first), rows, true));
        first += rows;
      }
      for (int rows : new int[] {1, 19, 65}) {
        Tensor x = activations(rows, 24, 1);
        float[] divided = thetasMatch(x, new ParameterTokens(theta, 5, parts));
        assertArrayEquals(thetas(backend, x, ParameterTokens.of(theta, 5, keys, unit)), divided);
      }
    }
  }

  /** Compares θ with the output for values that are 1 or 0, and with the reference's θ. */
  private float[] thetasMatch(Tensor x, ParameterTokens unit) {
    Tensor scores = memory.allocate(DType.F32, SavedScores.shape(x.rows(), unit.count()));
    Tensor weighed = memory.allocate(DType.F32, Shape.of(x.rows(), unit.count()));
    backend.pattention(x, unit, new SavedScores(scores, Dropout.NONE), weighed);
    Tensor actual = memory.allocate(DType.F32, weighed.shape());
    backend.thetas(unit, new SavedScores(scores, new Dropout(0.5f, 1)), actual);
    float[] thetas = Tensors.get(backend, actual);
    float[] expected = Tensors.get(backend, weighed);
    float[] ofReference = thetas(reference, x, unit);
    // The reference uses scores that are not yet rounded to F32.
    double rounded = backend.name().equals("scalar") ? 4e-6 : 0;
    for (int i = 0; i < expected.length; i++) {
      String what = unit.theta() + " x " + x + ", element " + i;
      double scale = 1 + Math.abs(ofReference[i]);
      float theta = thetas[i] + 0f; // −0 is lost in a sum
      assertTrue(Math.abs(expected[i] - theta) <= rounded * scale, what);
      assertEquals(ofReference[i], theta, 1e-4 * scale, what);
    }
    return thetas;
  }

  private float[] thetas(Backend b, Tensor x, ParameterTokens tokens) {
    Tensor scores = memory.allocate(DType.F32, SavedScores.shape(x.rows(), tokens.count()));
    SavedScores saved = new SavedScores(scores, Dropout.NONE);
    Shape output = Shape.of(x.rows(), tokens.outputChannels());
    b.pattention(x, tokens, saved, memory.allocate(DType.F32, output));
    Tensor thetas = memory.allocate(DType.F32, Shape.of(x.rows(), tokens.count()));
    b.thetas(tokens, saved, thetas);
    return Tensors.get(b, thetas);
  }

  /** Returns the identity matrix. */
  private Tensor unit(int n) {
    float[] one = new float[n * n];
    for (int i = 0; i < n; i++) {
      one[i * n + i] = 1;
    }
    return Tensors.of(backend, memory, DType.F32, one, n, n);
  }

  @Test
  void anyDivisionIntoSegmentsIsBitIdentical() {
    Tensor keys = weights(DType.F32, 301, 24);
    Tensor values = weights(DType.F32, 301, 40);
    for (Theta theta : Theta.values()) {
      ParameterTokens whole = ParameterTokens.of(theta, 5, keys, values);
      List<ParameterTokens.Segment> parts = new ArrayList<>();
      int first = 0;
      for (int rows : new int[] {1, 130, 0, 7, 163}) {
        Tensor k = keys.rows(first, rows);
        parts.add(new ParameterTokens.Segment(k, values.rows(first, rows), rows, true));
        first += rows;
      }
      ParameterTokens divided = new ParameterTokens(theta, 5, parts);
      for (int rows : new int[] {1, 2, 19}) {
        Tensor x = activations(rows, 24, 1);
        assertArrayEquals(pattention(backend, x, whole), pattention(backend, x, divided));
        pattentionMatches(x, divided);
      }
    }
  }

  @Test
  void appendedZeroKeysChangeNoBit() {
    Tensor keys = weights(DType.F32, 45, 24);
    Tensor values = weights(DType.F32, 45, 40);
    Tensor zeros = memory.allocate(DType.F32, Shape.of(301, 24));
    Tensor fresh = weights(DType.F32, 301, 40);
    for (Theta theta : List.of(Theta.L2_NORM_GELU, Theta.GELU_L2_NORM)) {
      ParameterTokens old = ParameterTokens.of(theta, 5, keys, values);
      List<ParameterTokens.Segment> segments = new ArrayList<>(old.segments());
      segments.add(ParameterTokens.Segment.of(zeros, fresh));
      ParameterTokens grown = new ParameterTokens(theta, 5, segments);
      for (int rows : new int[] {1, 2, 19}) {
        Tensor x = activations(rows, 24, 1);
        assertArrayEquals(pattention(backend, x, old), pattention(backend, x, grown));
      }
    }
  }

  @Test
  void rowsOfZerosGiveZeros() {
    Tensor keys = weights(DType.F32, 45, 24);
    Tensor values = weights(DType.F32, 45, 40);
    for (Theta theta : List.of(Theta.L2_NORM_GELU, Theta.GELU_L2_NORM)) {
      for (int rows : new int[] {1, 5}) {
        Tensor x = memory.allocate(DType.F32, Shape.of(rows, 24));
        float[] y = pattention(backend, x, ParameterTokens.of(theta, 5, keys, values));
        assertArrayEquals(new float[rows * 40], y);
      }
    }
    ParameterTokens none = ParameterTokens.of(Theta.SOFTMAX, 1, keys.rows(0, 0), values.rows(0, 0));
    for (int rows : new int[] {1, 5}) {
      float[] y = pattention(backend, activations(rows, 24, 1), none);
      assertArrayEquals(new float[rows * 40], y);
    }
  }

  @Test
  void notANumberStaysInItsRow() {
    Tensor table = weights(DType.F32, 45, 24);
    Tensor values = weights(DType.F32, 45, 40);
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      for (int rows : new int[] {1, 2, 21}) {
        float[] clean = floats(rows * 24, 1);
        float[] dirty = clean.clone();
        dirty[(rows - 1) * 24 + 5] = bad;
        for (Theta theta : Theta.values()) {
          ParameterTokens tokens = ParameterTokens.of(theta, 5, table, values);
          isolated(clean, dirty, rows, 40, x -> pattention(backend, x, tokens));
        }
        isolated(clean, dirty, rows, 45, x -> logits(backend, x, table));
        isolated(clean, dirty, rows, 24, x -> Tensors.get(backend, norm(backend, x, null, null)));
      }
    }
  }

  private void isolated(
      float[] clean, float[] dirty, int rows, int columns, Function<Tensor, float[]> operation) {
    Tensor cleanX = Tensors.of(backend, memory, DType.F32, clean, rows, clean.length / rows);
    Tensor dirtyX = Tensors.of(backend, memory, DType.F32, dirty, rows, clean.length / rows);
    float[] expected = operation.apply(cleanX);
    float[] actual = operation.apply(dirtyX);
    int last = (rows - 1) * columns;
    assertArrayEquals(Arrays.copyOf(expected, last), Arrays.copyOf(actual, last));
    boolean spoiled = false;
    for (int i = last; i < actual.length; i++) {
      spoiled |= !Float.isFinite(actual[i]);
    }
    assertTrue(spoiled, "a NaN or infinity disappeared");
  }

  @Test
  void rotaryTurnsPairsByPosition() {
    for (int[] size : new int[][] {{1, 2, 2}, {3, 7, 4}, {4, 16, 4}, {2, 64, 64}, {64, 64, 16}}) {
      int heads = size[0];
      int channels = heads * size[1];
      int half = size[2] / 2;
      Tensor cosine = activations(20, half, 1);
      Tensor sine = activations(20, half, 1);
      float[] x = floats(9 * channels, 1);
      KeyValueCache cache = cache(backend, DType.F32, 20, channels);
      List<Sequence> batch =
          List.of(new Sequence(3, 0, null), new Sequence(1, 19, cache), new Sequence(5, 4, cache));
      same(
          b -> {
            Tensor y = Tensors.of(b, memory, DType.F32, x, 9, channels);
            b.rotary(y, heads, new RotaryTable(cosine, sine), batch);
            return y;
          },
          1e-6);
    }
  }

  @Test
  void attentionLooksBackInItsOwnSequence() {
    for (DType dtype : List.of(DType.F32, DType.BF16)) {
      for (int[] size : new int[][] {{1, 1}, {3, 7}, {2, 16}, {1, 100}, {4, 8}}) {
        int heads = size[0];
        int channels = heads * size[1];
        for (int[] rows : new int[][] {{1}, {1, 1}, {5}, {17, 1, 40}, {130}}) {
          attentionMatches(dtype, heads, channels, rows);
        }
      }
    }
  }

  private void attentionMatches(DType dtype, int heads, int channels, int[] rows) {
    int total = Arrays.stream(rows).sum();
    Tensor q = activations(total, channels, 2);
    Tensor k = activations(total, channels, 1);
    Tensor v = activations(total, channels, 1);
    for (int start : new int[] {0, 3, 101}) {
      float[] past = Tensors.bf16(floats(300 * channels, 1));
      same(
          b -> {
            List<Sequence> batch = new ArrayList<>();
            for (int r : rows) {
              KeyValueCache cache = cache(b, dtype, start + r, channels);
              fill(b, cache, 1, past, start);
              batch.add(new Sequence(r, start, cache));
            }
            Tensor out = memory.allocate(DType.F32, q.shape());
            b.attention(q, k, v, heads, 1, batch, out);
            return out;
          },
          2e-5);
    }
    same(
        b -> {
          List<Sequence> batch =
              Arrays.stream(rows).mapToObj(r -> new Sequence(r, 0, null)).toList();
          Tensor out = memory.allocate(DType.F32, q.shape());
          b.attention(q, k, v, heads, 0, batch, out);
          return out;
        },
        2e-5);
  }

  @Test
  void attentionAppendsToTheCache() {
    for (DType dtype : List.of(DType.F32, DType.BF16)) {
      Tensor x = activations(35, 24, 1);
      float[] past = Tensors.bf16(floats(40 * 24, 1));
      same(
          b -> {
            KeyValueCache cache = cache(b, dtype, 75, 24);
            fill(b, cache, 1, past, 40);
            Tensor out = memory.allocate(DType.F32, x.shape());
            b.attention(x, x, x, 2, 1, List.of(new Sequence(35, 40, cache)), out);
            Tensor both = memory.allocate(dtype, Shape.of(75, 24));
            b.copy(cache.values(0, 1), both.rows(0, CachePool.PAGE));
            int rest = 75 - CachePool.PAGE;
            b.copy(cache.values(1, 1).rows(0, rest), both.rows(CachePool.PAGE, rest));
            return both;
          },
          0);
    }
  }

  @Test
  void attentionInChunksGivesTheSameBits() {
    Tensor x = activations(200, 24, 2);
    Tensor whole = memory.allocate(DType.F32, x.shape());
    KeyValueCache cache = cache(backend, DType.F32, 200, 24);
    backend.attention(x, x, x, 2, 1, List.of(new Sequence(200, 0, cache)), whole);
    Tensor chunked = memory.allocate(DType.F32, x.shape());
    KeyValueCache other = cache(backend, DType.F32, 200, 24);
    appendInChunks(x, other, chunked, 2, 97, 33, 68);
    if (!backend.name().equals("scalar")) {
      assertArrayEquals(Tensors.get(backend, whole), Tensors.get(backend, chunked));
    }
  }

  private void appendInChunks(Tensor x, KeyValueCache cache, Tensor out, int... chunks) {
    int start = 0;
    for (int rows : chunks) {
      Tensor part = x.rows(start, rows);
      List<Sequence> batch = List.of(new Sequence(rows, start, cache));
      backend.attention(part, part, part, 2, 1, batch, out.rows(start, rows));
      start += rows;
    }
  }

  /** The first query of a chunk may be at any distance from the start of a block of keys. */
  @Test
  void attentionOfAChunkThatStartsAnywhere() {
    int rows = 180;
    Tensor x = activations(rows, 8, 2);
    List<Sequence> sequence = List.of(new Sequence(rows, 0, null));
    Tensor whole = memory.allocate(DType.F32, x.shape());
    backend.attention(x, x, x, 2, 1, sequence, whole);
    float[] expected = Tensors.get(backend, whole);
    Tensor chunked = memory.allocate(DType.F32, x.shape());
    KeyValueCache cache = cache(backend, DType.F32, rows, 8);
    for (int start = 2; start < 110; start++) {
      appendInChunks(x, cache, chunked, start, rows - start);
      float[] actual = Tensors.get(backend, chunked);
      if (!backend.name().equals("scalar")) {
        assertArrayEquals(expected, actual, "starting at " + start);
      }
    }
  }

  /** Returns a cache of two layers filled with NaN, since unwritten positions must not be read. */
  private KeyValueCache cache(Backend b, DType dtype, int capacity, int channels) {
    CachePool pool = new CachePool(b, 2, channels, dtype);
    pools.add(pool);
    if (random.nextBoolean()) { // the cache then does not start with the pool's first page
      new KeyValueCache(pool).reserve(0, 1 + random.nextInt(200));
    }
    KeyValueCache cache = new KeyValueCache(pool);
    cache.reserve(0, capacity);
    float[] unset = new float[CachePool.PAGE * channels];
    Arrays.fill(unset, Float.NaN);
    for (int page = 0; page < cache.pages(); page++) {
      for (int layer = 0; layer < 2; layer++) {
        Tensors.set(b, cache.keys(page, layer), unset);
        Tensors.set(b, cache.values(page, layer), unset);
      }
    }
    return cache;
  }

  /** Sets the keys and values of a layer's first positions. */
  private static void fill(Backend b, KeyValueCache cache, int layer, float[] past, int positions) {
    int channels = cache.pool().channels();
    for (int p = 0; p < positions; p++) {
      float[] row = Arrays.copyOfRange(past, p * channels, (p + 1) * channels);
      int page = p / CachePool.PAGE;
      Tensors.set(b, cache.keys(page, layer).rows(p % CachePool.PAGE, 1), row);
      Tensors.set(b, cache.values(page, layer).rows(p % CachePool.PAGE, 1), row);
    }
  }

  @Test
  void attentionOfForksReadsSharedPages() {
    for (DType dtype : List.of(DType.F32, DType.BF16)) {
      Tensor x = activations(6, 24, 1);
      float[] past = Tensors.bf16(floats(150 * 24, 1));
      same(
          b -> {
            KeyValueCache parent = cache(b, dtype, 150, 24);
            fill(b, parent, 1, past, 150);
            List<Sequence> batch = new ArrayList<>();
            int[] starts = {150, 130, 96, 1, 150}; // within pages and at page boundaries
            for (int start : starts) {
              KeyValueCache fork = parent.fork(start);
              fork.reserve(start, 1);
              batch.add(new Sequence(1, start, fork));
            }
            parent.reserve(150, 1);
            batch.add(new Sequence(1, 150, parent));
            Tensor out = memory.allocate(DType.F32, x.shape());
            b.attention(x, x, x, 3, 1, batch, out);
            return out;
          },
          2e-5);
    }
  }

  @Test
  void attentionOfRaggedRowsIsThatOfEachSequence() {
    Tensor x = activations(140, 24, 1);
    int[] rows = {1, 97, 1, 40, 1};
    int[] starts = {100, 47, 0, 0, 48};
    float[] past = floats(100 * 24, 1);
    List<Sequence> batch = new ArrayList<>();
    float[] alone = new float[0];
    int first = 0;
    for (int i = 0; i < rows.length; i++) {
      for (boolean together : new boolean[] {true, false}) {
        KeyValueCache cache = cache(backend, DType.F32, starts[i] + rows[i], 24);
        fill(backend, cache, 0, past, starts[i]);
        Sequence sequence = new Sequence(rows[i], starts[i], cache);
        if (together) {
          batch.add(sequence);
        } else {
          Tensor part = x.rows(first, rows[i]);
          Tensor out = memory.allocate(DType.F32, part.shape());
          backend.attention(part, part, part, 2, 0, List.of(sequence), out);
          alone = join(alone, Tensors.get(backend, out));
        }
      }
      first += rows[i];
    }
    Tensor out = memory.allocate(DType.F32, x.shape());
    backend.attention(x, x, x, 2, 0, batch, out);
    assertArrayEquals(alone, Tensors.get(backend, out));
  }

  @Test
  void promptRowsSplitAPromptIntoWholePasses() {
    for (int ids : new int[] {0, 1, 7, 8, 9, 255, 100_000}) {
      for (long weights : new long[] {0, 1, 1L << 24, 1L << 40, Long.MAX_VALUE / 8}) {
        int rows = backend.promptRows(ids, weights);
        assertTrue(rows >= 1 && rows <= Math.max(1, ids), ids + " ids, " + rows + " rows");
      }
    }
    assertThrows(IllegalArgumentException.class, () -> backend.promptRows(-1, 1));
    assertThrows(IllegalArgumentException.class, () -> backend.promptRows(1, -1));
  }

  @Test
  void zeroSetsItsRowsAndNoOther() {
    for (int columns : new int[] {1, 37, 9001}) {
      for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
        Tensor x = weights(dtype, 7, columns);
        float[] expected = Tensors.get(backend, x);
        Arrays.fill(expected, columns, 6 * columns, 0);
        backend.zero(x.rows(1, 5));
        assertArrayEquals(expected, Tensors.get(backend, x));
      }
    }
  }

  @Test
  void addAdds() {
    for (int channels : new int[] {1, 9, 64}) {
      Tensor x = activations(7, channels, 1);
      float[] y = floats(7 * channels, 1);
      same(
          b -> {
            Tensor sum = Tensors.of(b, memory, DType.F32, y, 7, channels);
            b.add(x, sum, sum);
            return sum;
          },
          0);
    }
  }

  @Test
  void logitsAreProductsWithTheTable() {
    for (DType dtype : WEIGHTS) {
      for (int[] size :
          new int[][] {
            {1, 1, 1},
            {1, 65, 103},
            {7, 33, 201},
            {40, 16, 9},
            {5, 300, 40},
            {17, 33, 7},
            {3, 40, 600},
            {61, 33, 300},
            {1030, 5, 13}
          }) {
        Tensor x = activations(size[0], size[1], 1);
        Tensor table = weights(dtype, size[2], size[1]);
        float[] a = Tensors.get(backend, x);
        float[] e = Tensors.get(backend, table);
        double[] magnitudes = new double[size[0] * size[2]];
        for (int i = 0; i < magnitudes.length; i++) {
          for (int c = 0; c < size[1]; c++) {
            double product = (double) a[i / size[2] * size[1] + c] * e[i % size[2] * size[1] + c];
            magnitudes[i] += Math.abs(product);
          }
        }
        float[] expected = logits(reference, x, table);
        compare("logits", expected, logits(backend, x, table), magnitudes, 0.1);
        Tensor out = memory.allocate(DType.F32, Shape.of(x.rows(), table.rows()));
        backend.logits(x, table, true, out);
        compare("logits for training", expected, Tensors.get(backend, out), magnitudes, 0.1);
      }
    }
  }

  private float[] logits(Backend b, Tensor x, Tensor table) {
    Tensor out = memory.allocate(DType.F32, Shape.of(x.rows(), table.rows()));
    b.logits(x, table, out);
    return Tensors.get(b, out);
  }

  @Test
  void crossEntropyIsMinusTheLogOfTheProbability() {
    for (int vocabulary : new int[] {1, 5, 8, 103, 5000}) {
      Tensor logits = activations(9, vocabulary, 10);
      int[] targets = random.ints(12, 0, vocabulary).toArray();
      same(
          b -> {
            Tensor losses = memory.allocate(DType.F32, Shape.of(9));
            b.crossEntropy(logits, targets, 2, losses);
            return losses;
          },
          3e-5);
    }
  }

  @Test
  void everyNumberOfThreadsGivesTheSameBits() {
    Tensor x = activations(1100, 48, 1);
    Tensor keys = weights(DType.F32, 500, 48);
    Tensor values = weights(DType.BF16, 500, 48);
    Tensor small = weights(DType.I8, 500, 48);
    Tensor smallest = weights(DType.I4, 500, 48);
    float[] past = floats(7 * 48, 1);
    List<float[]> results = new ArrayList<>();
    for (int threads : new int[] {1, 2, 3, 7}) {
      try (Backend b = open(threads)) {
        float[] all = new float[0];
        for (Tensor rows : List.of(x, x.rows(0, 150), x.rows(3, 1), x.rows(3, 20), x.rows(9, 5))) {
          for (Theta theta : Theta.values()) {
            ParameterTokens tokens = ParameterTokens.of(theta, 9, keys, values);
            all = join(all, pattention(b, rows, tokens));
            all = join(all, thetas(b, rows, tokens));
            all = join(all, pattention(b, rows, ParameterTokens.of(theta, 9, small, smallest)));
          }
          all = join(all, logits(b, rows, keys));
          all = join(all, logits(b, rows, smallest));
          all = join(all, Tensors.get(b, norm(b, rows, null, null)));
          Tensor out = memory.allocate(DType.F32, rows.shape());
          int count = (int) rows.rows();
          KeyValueCache cache = cache(b, DType.F32, 7 + count, 48);
          fill(b, cache, 0, past, 7);
          b.attention(rows, rows, rows, 3, 0, List.of(new Sequence(count, 7, cache)), out);
          all = join(all, Tensors.get(b, out));
        }
        results.add(all);
      }
    }
    for (float[] result : results) {
      assertArrayEquals(results.getFirst(), result);
    }
  }

  private static float[] join(float[] a, float[] b) {
    float[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  /**
   * Runs an operation on both backends and compares the results, with a tolerance relative to 1 +
   * |reference|.
   */
  private void same(Function<Backend, Tensor> operation, double tolerance) {
    float[] expected = Tensors.get(reference, operation.apply(reference));
    float[] actual = Tensors.get(backend, operation.apply(backend));
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs((double) actual[i] - expected[i]);
      if (!(error <= tolerance * (1 + Math.abs(expected[i])))) {
        fail("element " + i + ": expected " + expected[i] + ", got " + actual[i]);
      }
    }
  }

  private static void compare(
      String what, float[] expected, float[] actual, double[] magnitudes, double factor) {
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs((double) actual[i] - expected[i]);
      if (!(error <= factor * TOLERANCE * magnitudes[i] + 1e-30)) {
        fail(
            what
                + ", element "
                + i
                + ": expected "
                + expected[i]
                + ", got "
                + actual[i]
                + ", magnitude "
                + magnitudes[i]);
      }
    }
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
