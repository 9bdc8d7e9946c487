package org.tokenformer.engine.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.testing.Seeds;

/** Compares log-probabilities with sorting and with a sum by the definition. */
final class LogProbabilitiesTest {
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 5, 29, 30, 31, 1000})
  void theMostProbableInOrder(int most) {
    Random random = Seeds.random("LogProbabilitiesTest.theMostProbableInOrder");
    LogProbabilities found = new LogProbabilities(30, most);
    assertEquals(Math.min(most, 30), found.count());
    for (int round = 0; round < 50; round++) {
      float[] logits = new float[35];
      for (int i = 0; i < logits.length; i++) { // with ties, and once far from 0
        logits[i] = random.nextInt(9) - 4 + (round == 7 ? -900 : 0);
      }
      logits[random.nextInt(30)] = Float.NEGATIVE_INFINITY;
      Arrays.fill(logits, 30, 35, Float.NaN); // padding is never read
      found.read(logits);
      double largest = IntStream.range(0, 30).mapToDouble(id -> logits[id]).max().orElseThrow();
      double sum = IntStream.range(0, 30).mapToDouble(id -> Math.exp(logits[id] - largest)).sum();
      double total = 0;
      for (int id = 0; id < 30; id++) {
        double expected = logits[id] - largest - Math.log(sum);
        assertEquals(expected, found.of(id), 1e-9);
        total += Math.exp(found.of(id));
      }
      assertEquals(1, total, 1e-9);
      List<Integer> sorted =
          IntStream.range(0, 30)
              .boxed()
              .sorted(Comparator.comparingDouble(id -> -logits[id]))
              .limit(most)
              .toList();
      assertEquals(sorted, IntStream.range(0, found.count()).map(found::id).boxed().toList());
    }
  }

  @Test
  void damagedLogitsAreRefused() {
    LogProbabilities found = new LogProbabilities(4, 2);
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      String message =
          String.valueOf(
              assertThrows(ArithmeticException.class, () -> found.read(new float[] {1, bad, 2, 3}))
                  .getMessage());
      assertTrue(message.contains("id 1 is " + bad), message);
    }
    float[] none = new float[4];
    Arrays.fill(none, Float.NEGATIVE_INFINITY);
    assertThrows(ArithmeticException.class, () -> found.read(none));
  }
}
