package org.tokenformer.engine.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.testing.Seeds;

/** Compares samplers with a naive implementation: sort, cut off and count the draws. */
final class SamplerTest {
  private static SamplingOptions options(
      double temperature, int topK, double topP, double minP, double penalty, long seed) {
    return new SamplingOptions(temperature, topK, topP, minP, penalty, seed);
  }

  private static int[] draw(Sampler sampler, float[] logits, int count) {
    int[] ids = new int[count];
    for (int i = 0; i < count; i++) {
      ids[i] = sampler.sample(logits.clone());
    }
    return ids;
  }

  /** Returns logits with few distinct values, so that there are many ties. */
  private static float[] tied(Random random, int count) {
    float[] logits = new float[count];
    for (int i = 0; i < count; i++) {
      logits[i] = random.nextInt(7) - 3;
    }
    return logits;
  }

  private static float[] normal(Random random, int count) {
    float[] logits = new float[count];
    for (int i = 0; i < count; i++) {
      logits[i] = (float) random.nextGaussian() * 3;
    }
    return logits;
  }

  @Test
  void greedyTakesTheBestAndOfEqualOnesTheFirst() {
    Random random = Seeds.random("SamplerTest.greedy");
    Sampler sampler = new Sampler(SamplingOptions.greedy(), 30);
    for (int i = 0; i < 500; i++) {
      float[] logits = tied(random, 35);
      Arrays.fill(logits, 30, 35, Float.NaN); // padding is never read
      int best = 0;
      for (int id = 1; id < 30; id++) {
        best = logits[id] > logits[best] ? id : best;
      }
      assertEquals(best, sampler.sample(logits));
    }
    assertEquals(0, sampler.sample(new float[35]));
    float[] zeros = new float[35];
    zeros[0] = -0f; // equal to 0, so the first one stays
    assertEquals(0, sampler.sample(zeros));
  }

  /** Returns the ids that can be drawn: the best in order, cut off according to the options. */
  private static Set<Integer> allowed(float[] logits, int vocabulary, SamplingOptions o) {
    List<Integer> ids = new ArrayList<>(IntStream.range(0, vocabulary).boxed().toList());
    ids.sort(Comparator.comparingDouble((Integer id) -> -logits[id]).thenComparing(id -> id));
    if (o.topK() > 0) {
      ids = ids.subList(0, Math.min(o.topK(), vocabulary));
    }
    double best = logits[ids.getFirst()];
    double[] p = new double[vocabulary];
    double sum = 0;
    for (int id : ids) {
      p[id] = Math.exp((logits[id] - best) / o.temperature());
      sum += p[id];
    }
    TreeSet<Integer> kept = new TreeSet<>();
    double reached = 0;
    for (int id : ids) {
      if (reached >= o.topP() * sum * (1 - 1e-12) && o.topP() < 1) {
        break;
      }
      reached += p[id];
      if (p[id] >= o.minP() && p[id] > 0) {
        kept.add(id);
      }
    }
    return kept;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0, 1, 0",
    "1, 1, 1, 0",
    "1, 3, 1, 0",
    "2, 7, 1, 0",
    "1, 1000, 1, 0",
    "1, 0, 0.3, 0",
    "1, 0, 0.9, 0",
    "3, 0, 1e-9, 0",
    "1, 0, 1, 0.1",
    "2, 0, 1, 1",
    "1, 0, 1, 0.6",
    "2, 9, 0.7, 0",
    "2, 9, 0.9, 0.2",
    "0.5, 12, 0.95, 0.02",
  })
  void keepsExactlyTheRightIds(double temperature, int topK, double topP, double minP) {
    Random random = Seeds.random("SamplerTest.keeps");
    for (int round = 0; round < 12; round++) {
      // Flat enough that each kept id appears among the draws.
      float[] logits = round % 2 == 0 ? tied(random, 24) : normal(random, 24);
      for (int i = 0; i < logits.length; i++) {
        logits[i] /= 2;
      }
      if (round % 3 == 2) {
        logits[random.nextInt(20)] = Float.NEGATIVE_INFINITY;
      }
      Arrays.fill(logits, 20, 24, 1000); // padding: by far the best, never taken
      SamplingOptions o = options(temperature, topK, topP, minP, 1, random.nextLong());
      TreeSet<Integer> drawn = new TreeSet<>();
      for (int id : draw(new Sampler(o, 20), logits, 4000)) {
        drawn.add(id);
      }
      Set<Integer> expected = allowed(logits, 20, o);
      assertTrue(expected.containsAll(drawn), expected + " " + drawn);
      // Ids below 0.5 % may be missing from the draws.
      double best =
          logits[expected.stream().max(Comparator.comparingDouble(id -> logits[id])).orElseThrow()];
      for (int id : expected) {
        double p = Math.exp((logits[id] - best) / temperature) / expected.size();
        assertTrue(p < 0.005 || drawn.contains(id), id + " of " + expected + " " + drawn);
      }
    }
  }

  @Test
  void drawsInProportion() {
    float[] logits = {0, 1, -1, 2, 0.5f, 1.5f, -2, 0};
    double temperature = 1.3;
    int draws = 100_000;
    int[] counts = new int[logits.length];
    for (int id : draw(new Sampler(options(temperature, 0, 1, 0, 1, 42), 8), logits, draws)) {
      counts[id]++;
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit / temperature);
    }
    double chiSquare = 0;
    for (int id = 0; id < counts.length; id++) {
      double expected = draws * Math.exp(logits[id] / temperature) / sum;
      chiSquare += (counts[id] - expected) * (counts[id] - expected) / expected;
    }
    assertTrue(chiSquare < 24.3, "chi-square " + chiSquare); // 7 degrees of freedom, p = 0.001
  }

  @Test
  void lowTemperaturesAreGreedy() {
    Random random = Seeds.random("SamplerTest.lowTemperatures");
    for (double temperature : new double[] {1e-3, 1e-30, 1e-300, Double.MIN_VALUE}) {
      Sampler sampler = new Sampler(options(temperature, 0, 0.99, 0.01, 1, 3), 50);
      for (int i = 0; i < 50; i++) {
        float[] logits = new float[50];
        for (int id = 0; id < 50; id++) {
          logits[id] = random.nextInt(1000);
        }
        int best = random.nextInt(50);
        logits[best] = 1001;
        assertEquals(best, sampler.sample(logits));
      }
    }
  }

  @Test
  void repetitionPenaltyMakesSeenIdsLessProbable() {
    Sampler sampler = new Sampler(options(0, 0, 1, 0, 2, 0), 4);
    assertEquals(0, sampler.sample(new float[] {3, 2, 1, 0}));
    sampler.accept(0);
    float[] logits = {3, 2, 1, 0};
    assertEquals(1, sampler.sample(logits));
    assertArrayEquals(new float[] {1.5f, 2, 1, 0}, logits);
    sampler.accept(1);
    sampler.accept(1); // counts once
    sampler.accept(4); // padding
    sampler.accept(Integer.MAX_VALUE);
    float[] negative = {-1, -2, -3, -9, 7};
    assertEquals(0, sampler.sample(negative));
    assertArrayEquals(new float[] {-2, -4, -3, -9, 7}, negative);
    float[] infinite = {Float.NEGATIVE_INFINITY, 0, -1, -1, 7};
    assertEquals(1, sampler.sample(infinite));
    for (double penalty : new double[] {0.001, 1000}) {
      Sampler extreme = new Sampler(options(1, 0, 1, 0, penalty, 0), 4);
      extreme.accept(2);
      extreme.sample(new float[] {30, -30, 30, -30});
    }
  }

  @Test
  void presenceAndFrequencyCountWhatWasChosen() {
    SamplingOptions greedy = SamplingOptions.greedy();
    Sampler presence = new Sampler(greedy.withPresencePenalty(1.5), 4);
    Sampler frequency = new Sampler(greedy.withFrequencyPenalty(0.5), 4);
    Sampler both = new Sampler(greedy.withPresencePenalty(1.5).withFrequencyPenalty(-0.5), 4);
    for (Sampler sampler : List.of(presence, frequency, both)) {
      sampler.acceptPrompt(3, 3, 4, -1); // the prompt does not count
      assertEquals(3, sampler.sample(new float[] {0, 1, 2, 3}));
      sampler.accept(3);
      sampler.accept(3);
      sampler.accept(1);
      sampler.accept(4); // padding
    }
    float[] logits = {0, 1, 2, 3, 9};
    assertEquals(2, presence.sample(logits));
    assertArrayEquals(new float[] {0, -0.5f, 2, 1.5f, 9}, logits);
    logits = new float[] {0, 1, 2, 3, 9};
    assertEquals(2, frequency.sample(logits));
    assertArrayEquals(new float[] {0, 0.5f, 2, 2, 9}, logits);
    logits = new float[] {0, 1, 2, 3, 9};
    assertEquals(3, both.sample(logits));
    assertArrayEquals(new float[] {0, 0, 2, 2.5f, 9}, logits);
  }

  @Test
  void aBiasIsAddedBeforeThePenalties() {
    SamplingOptions options =
        SamplingOptions.greedy()
            .withLogitBias(Map.of(0, -4.0, 2, 1.0, 3, -100.0))
            .withRepetitionPenalty(2)
            .withPresencePenalty(1);
    Sampler sampler = new Sampler(options, 4);
    sampler.acceptPrompt(0);
    sampler.accept(2);
    float[] logits = {3, 1, 5, 9, 7};
    assertEquals(2, sampler.sample(logits));
    // (3 - 4) · 2; 1; (5 + 1) / 2 - 1; 9 - 100; padding
    assertArrayEquals(new float[] {-2, 1, 2, -91, 7}, logits);
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> new Sampler(options, 3))
                .getMessage());
    assertEquals("logit_bias must be an id of the vocabulary, between 0 and 2, not 3", message);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.7})
  void onlyAllowedIdsAreDrawn(double temperature) {
    Random random = Seeds.random("SamplerTest.onlyAllowedIdsAreDrawn");
    for (SamplingOptions o :
        List.of(
            options(temperature, 0, 1, 0, 1, 1),
            options(temperature, 5, 0.9, 0.1, 1.2, 1).withLogitBias(Map.of(1, 100.0)))) {
      BitSet some = new BitSet();
      TokenMask mask =
          new TokenMask() {
            @Override
            public void narrow(BitSet allowed) {
              allowed.and(some);
            }

            @Override
            public void accept(int id) {}
          };
      Sampler sampler = new Sampler(GenerationOptions.of(1).sampledBy(o).maskedBy(() -> mask), 30);
      for (int i = 0; i < 500; i++) {
        some.clear();
        some.set(random.nextInt(30));
        some.set(random.nextInt(40));
        int id = sampler.sample(normal(random, 35));
        assertTrue(some.get(id) && id < 30, id + " of " + some);
      }
      some.clear();
      assertEquals(Sampler.NONE, sampler.sample(new float[30]));
      some.set(4);
      float[] impossible = new float[30];
      impossible[4] = Float.NEGATIVE_INFINITY;
      assertThrows(ArithmeticException.class, () -> sampler.sample(impossible));
    }
  }

  @Test
  void everyOptionCanBeChangedAlone() {
    SamplingOptions all =
        SamplingOptions.defaults()
            .withTemperature(0.5)
            .withTopK(3)
            .withTopP(0.4)
            .withMinP(0.2)
            .withRepetitionPenalty(1.5)
            .withPresencePenalty(-1)
            .withFrequencyPenalty(2)
            .withLogitBias(Map.of(4, -3.0))
            .withSeed(11);
    assertEquals(new SamplingOptions(0.5, 3, 0.4, 0.2, 1.5, -1, 2, Map.of(4, -3.0), 11), all);
  }

  @Test
  void defaultsDrawASeedThatStays() {
    Set<Long> seeds = new TreeSet<>();
    for (int i = 0; i < 20; i++) {
      SamplingOptions o = SamplingOptions.defaults();
      assertTrue(o.seed() >= 0 && o.seed() < 1L << 32);
      assertEquals(o.seed(), o.withTopK(5).withTemperature(1).seed());
      seeds.add(o.seed());
    }
    assertTrue(seeds.size() > 18, seeds.toString());
    assertEquals(SamplingOptions.greedy(), SamplingOptions.greedy());
  }

  @Test
  void wrongPenaltiesAndBiases() {
    SamplingOptions o = SamplingOptions.greedy();
    refused("presence_penalty must be between -2 and 2, not 2.1", () -> o.withPresencePenalty(2.1));
    refused(
        "presence_penalty must be between -2 and 2, not NaN",
        () -> o.withPresencePenalty(Double.NaN));
    refused(
        "frequency_penalty must be between -2 and 2, not -3.0", () -> o.withFrequencyPenalty(-3));
    refused(
        "logit_bias must be an id of the vocabulary, not -1",
        () -> o.withLogitBias(Map.of(-1, 1.0)));
    refused(
        "logit_bias of id 5 must be between -100 and 100, not -101.0",
        () -> o.withLogitBias(Map.of(5, -101.0)));
    refused(
        "logit_bias of id 5 must be between -100 and 100, not NaN",
        () -> o.withLogitBias(Map.of(5, Double.NaN)));
  }

  private static void refused(String message, Executable wrong) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, wrong).getMessage());
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.7})
  void damagedLogitsAreRefused(double temperature) {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      for (int at : new int[] {0, 3, 9}) {
        Sampler sampler = new Sampler(options(temperature, 5, 0.9, 0, 1.1, 0), 10);
        float[] logits = new float[12];
        logits[at] = bad;
        String message =
            String.valueOf(
                assertThrows(ArithmeticException.class, () -> sampler.sample(logits)).getMessage());
        assertTrue(message.contains("id " + at + " is " + bad), message);
      }
    }
    float[] none = new float[10];
    Arrays.fill(none, Float.NEGATIVE_INFINITY);
    Sampler sampler = new Sampler(options(temperature, 5, 0.9, 0, 1, 0), 10);
    assertThrows(ArithmeticException.class, () -> sampler.sample(none));
  }

  @ParameterizedTest
  @CsvSource({"0, 1, 0", "5, 1, 0", "5, 0.999999999999, 0", "0, 0.999999999999, 0", "0, 1, 1e-300"})
  void impossibleIdsAreNeverDrawn(int topK, double topP, double minP) {
    float[] logits = new float[10];
    Arrays.fill(logits, Float.NEGATIVE_INFINITY);
    logits[2] = 0.1f;
    logits[5] = 0.3f;
    logits[7] = -90; // e^-900 is 0 at this temperature
    Sampler sampler = new Sampler(options(0.1, topK, topP, minP, 1, 5), 10);
    for (int id : draw(sampler, logits, 20_000)) {
      assertTrue(id == 2 || id == 5, "drew " + id);
    }
  }

  @Test
  void oneIdIsAlwaysTaken() {
    for (int topK : new int[] {0, 1, 5}) {
      Sampler sampler = new Sampler(options(1, topK, 0.5, 0.5, 1.5, 0), 1);
      assertEquals(0, sampler.sample(new float[] {-5, 5}));
    }
  }

  @Test
  void sameSeedSameIds() {
    float[] logits = normal(new Random(1), 200);
    SamplingOptions o = options(1, 50, 0.95, 0.001, 1, 11);
    int[] ids = draw(new Sampler(o, 200), logits, 100);
    assertArrayEquals(ids, draw(new Sampler(o, 200), logits, 100));
    assertTrue(!Arrays.equals(ids, draw(new Sampler(o.withSeed(12), 200), logits, 100)));
    // Other options that keep all ids give the same distribution and the same draws.
    SamplingOptions all = options(1, 0, 1, 0, 1, 11);
    assertArrayEquals(
        draw(new Sampler(all, 200), logits, 100),
        draw(new Sampler(options(1, 200, 1, 0, 1, 11), 200), logits, 100));
  }

  @ParameterizedTest
  @CsvSource({
    "-0.1, 0, 1, 0, 1, temperature, -0.1",
    "NaN, 0, 1, 0, 1, temperature, NaN",
    "Infinity, 0, 1, 0, 1, temperature, Infinity",
    "1, -1, 1, 0, 1, top_k, -1",
    "1, 0, 0, 0, 1, top_p, 0.0",
    "1, 0, 1.1, 0, 1, top_p, 1.1",
    "1, 0, NaN, 0, 1, top_p, NaN",
    "1, 0, 1, -0.5, 1, min_p, -0.5",
    "1, 0, 1, 1.5, 1, min_p, 1.5",
    "1, 0, 1, NaN, 1, min_p, NaN",
    "1, 0, 1, 0, 0, repetition_penalty, 0.0",
    "1, 0, 1, 0, -1, repetition_penalty, -1.0",
    "1, 0, 1, 0, 1e-300, repetition_penalty, 1.0E-300",
    "1, 0, 1, 0, NaN, repetition_penalty, NaN",
  })
  void wrongOptions(
      double temperature,
      int topK,
      double topP,
      double minP,
      double penalty,
      String name,
      String value) {
    String message =
        String.valueOf(
            assertThrows(
                    IllegalArgumentException.class,
                    () -> options(temperature, topK, topP, minP, penalty, 0))
                .getMessage());
    assertTrue(message.startsWith(name + " must be "), message);
    assertTrue(message.endsWith(", not " + value), message);
  }

  @Test
  void wrongGenerationOptions() {
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> GenerationOptions.of(-1))
                .getMessage());
    assertEquals("max_tokens must be at least 0, not -1", message);
    message =
        String.valueOf(
            assertThrows(
                    IllegalArgumentException.class,
                    () -> GenerationOptions.of(1).withTopLogProbabilities(-2))
                .getMessage());
    assertEquals("top_log_probabilities must be between -1 and 1000, not -2", message);
    int[] ends = {1, 2};
    GenerationOptions before = GenerationOptions.of(3);
    GenerationOptions options = before.endingAt(ends);
    ends[0] = 9;
    options.endIds()[1] = 9;
    assertEquals(before.endingAt(1, 2), options);
    assertEquals(before.endingAt(1, 2).hashCode(), options.hashCode());
    assertNotEquals(options, options.withTopLogProbabilities(0));
    assertNotEquals(options, options.maskedBy(NoMask::new));
  }

  private static final class NoMask implements TokenMask {
    @Override
    public void narrow(BitSet allowed) {}

    @Override
    public void accept(int id) {}
  }

  @Test
  void aDrawAllocatesNothing() {
    float[] logits = normal(new Random(1), 5000);
    ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    for (SamplingOptions o :
        List.of(
            SamplingOptions.greedy(),
            SamplingOptions.defaults(),
            options(1, 0, 0.9, 0.01, 1.2, 1),
            options(1, 9, 0.9, 0, 1.2, 1)
                .withPresencePenalty(1)
                .withFrequencyPenalty(1)
                .withLogitBias(Map.of(4000, 3.0)),
            options(1, 4000, 1, 0, 1, 1))) {
      Sampler sampler = new Sampler(o, 5000);
      long best = Long.MAX_VALUE;
      for (int round = 0; round < 20; round++) {
        long before = bean.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 20; i++) {
          sampler.accept(sampler.sample(logits));
        }
        best = Math.min(best, (bean.getCurrentThreadAllocatedBytes() - before) / 20);
      }
      assertTrue(best < 256, o + ": " + best + " bytes a draw");
    }
  }
}
