package org.tokenformer.engine.measure;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.generate.Sampler;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

/** Compares continuations of one context with scoring each whole text by itself. */
final class ScorerTest {
  private static final double TOLERANCE = 1e-4; // nats

  private interface Body {
    void run(TokenFormer model, Computing computing, Random random);
  }

  private static Stream<DynamicTest> onAll(Body body) {
    return Stream.of(Computing.values())
        .map(computing ->
            DynamicTest.dynamicTest(
                computing.toString(),
                () -> {
                  Random random = Seeds.random("ScorerTest");
                  long before = HostScope.liveBytes();
                  try (Backend backend = computing.open();
                      TokenFormer model =
                          Models.open(
                              Models.config(Theta.L2_NORM_GELU), backend, random.nextLong())) {
                    body.run(model, computing, random);
                  }
                  assertEquals(before, HostScope.liveBytes());
                }));
  }

  @TestFactory
  Stream<DynamicTest> continuationsScoreAsTheirWholeTextsDo() {
    return onAll((model, computing, random) -> {
      try (Scorer scorer = new Scorer(model, Models.CONTEXT)) {
        for (int length : new int[] {1, 2, 67, Models.CONTEXT - 80, Models.CONTEXT}) {
          int[] context = Models.ids(random, length);
          List<int[]> continuations = new ArrayList<>();
          for (int more : new int[] {1, 2, 1, 5, 80, Models.CONTEXT + 1 - length}) {
            int most = Models.CONTEXT + 1 - length;
            continuations.add(Models.ids(random, Math.min(more, most)));
          }
          List<ContinuationScore> scores = scorer.continuations(context, continuations, null);
          assertEquals(continuations.size(), scores.size());
          for (int i = 0; i < scores.size(); i++) {
            same(scorer, computing, context, continuations.get(i), scores.get(i));
          }
        }
      }
    });
  }

  private static void same(
      Scorer scorer, Computing computing, int[] context, int[] ids, ContinuationScore score) {
    int[] whole = IntStream.concat(Arrays.stream(context), Arrays.stream(ids)).toArray();
    float[] losses = scorer.losses(whole, 0, whole.length - 1, null);
    float[] expected = new float[ids.length];
    double sum = 0;
    for (int i = 0; i < ids.length; i++) {
      expected[i] = -losses[context.length - 1 + i];
      sum += expected[i];
    }
    assertArrayEquals(
        expected, score.logProbabilities(), computing == Computing.SCALAR ? 0f : (float) TOLERANCE);
    assertEquals(sum, score.sum(), computing == Computing.SCALAR ? 0 : TOLERANCE * ids.length);
  }

  @TestFactory
  Stream<DynamicTest> greedyIsWhatTemperatureZeroWrites() {
    return onAll((model, computing, random) -> {
      int[] context = Models.ids(random, 20);
      int[] written = new int[6];
      Sampler sampler = new Sampler(SamplingOptions.greedy(), Models.IDS);
      try (Session session = model.newSession()) {
        float[] logits = Tensors.get(model.backend(), session.prefill(context));
        for (int i = 0; i < written.length; i++) {
          written[i] = sampler.sample(logits);
          logits = Tensors.get(model.backend(), session.decode(written[i]));
        }
      }
      List<int[]> continuations = new ArrayList<>(List.of(written, Arrays.copyOf(written, 1)));
      for (int i = 0; i < written.length; i++) {
        int[] other = written.clone();
        other[i] = (other[i] + 1) % Models.IDS;
        continuations.add(other);
      }
      continuations.add(new int[] {Models.VOCABULARY - 1}); // padding
      try (Scorer scorer = new Scorer(model, Models.CONTEXT)) {
        List<ContinuationScore> scores = scorer.continuations(context, continuations, null);
        for (int i = 0; i < scores.size(); i++) {
          assertEquals(i < 2, scores.get(i).isGreedy(), "continuation " + i);
        }
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> badInputIsRefusedAndTheScorerGoesOn() {
    return onAll((model, computing, random) -> {
      try (Scorer scorer = new Scorer(model, 10)) {
        int[] seven = Models.ids(random, 7);
        List<int[]> fits = List.of(Models.ids(random, 4));
        List<ContinuationScore> expected = scorer.continuations(seven, fits, null);
        IllegalArgumentException e =
            assertThrows(
                IllegalArgumentException.class,
                () -> scorer.continuations(seven, List.of(new int[4], new int[5]), null));
        assertEquals(
            "continuations[1] has 5 ids after a context of 7; with a window of 10 positions they"
                + " may have 11 ids in total",
            e.getMessage());
        e =
            assertThrows(
                IllegalArgumentException.class,
                () -> scorer.continuations(seven, List.of(new int[1], new int[0]), null));
        assertEquals("continuations[1] is empty; give at least one id", e.getMessage());
        e =
            assertThrows(
                IllegalArgumentException.class,
                () -> scorer.continuations(new int[0], List.of(new int[1]), null));
        assertEquals("the context is empty; give at least one id", e.getMessage());
        IndexOutOfBoundsException outside =
            assertThrows(
                IndexOutOfBoundsException.class,
                () -> scorer.continuations(seven, List.of(new int[] {1, 2, 40}), null));
        assertEquals(
            "continuations[0]: id 40 at index 2 is not between 0 and 39", outside.getMessage());
        assertThrows(
            CancellationException.class, () -> scorer.continuations(seven, fits, () -> true));
        assertTrue(scorer.continuations(seven, List.of(), null).isEmpty());
        assertArrayEquals(
            expected.getFirst().logProbabilities(),
            scorer.continuations(seven, fits, null).getFirst().logProbabilities());
        assertFalse(Double.isNaN(expected.getFirst().sum()));
      }
    });
  }
}
