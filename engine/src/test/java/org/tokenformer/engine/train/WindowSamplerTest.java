package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tokenformer.engine.testing.Seeds;

/** Every id once per epoch, in a different order each time, reproducible from the seed. */
final class WindowSamplerTest {
  @ParameterizedTest
  @CsvSource({"2,1", "3,2", "65,64", "66,64", "128,64", "129,64", "200,7", "1000,1", "4097,16"})
  void anEpochHasEachWindowOnce(long size, int sequence) {
    WindowSampler sampler = new WindowSampler(size, sequence, 3);
    for (int epoch = 0; epoch < 5; epoch++) {
      BitSet seen = new BitSet();
      long first = sampler.next();
      while (true) {
        assertTrue(first >= 0 && first + sequence < size, first + " of " + size);
        for (int i = 0; i < sequence; i++) {
          assertFalse(seen.get((int) first + i), "id " + (first + i) + " twice");
          seen.set((int) first + i);
        }
        WindowSampler.Position position = sampler.position();
        first = sampler.next();
        if (sampler.position().epoch() > epoch) {
          sampler.goTo(position);
          break;
        }
      }
      assertTrue(size - seen.cardinality() < 2L * sequence, seen.cardinality() + " ids seen");
      sampler.goTo(new WindowSampler.Position(epoch + 1, 0));
    }
  }

  @Test
  void theOrderLooksRandom() {
    long seed = Seeds.random("WindowSamplerTest").nextLong();
    int windows = 4096;
    long[] order = draw(new WindowSampler(windows * 16L + 1, 16, seed), windows);
    long[] sorted = Arrays.stream(order).sorted().toArray();
    assertFalse(Arrays.equals(sorted, order));
    // Correlation of a window's position with its draw and with the previous window.
    double mean = LongStream.of(order).average().orElseThrow();
    double variance = LongStream.of(order).mapToDouble(x -> (x - mean) * (x - mean)).sum();
    double withTurn = 0;
    double withLast = 0;
    for (int i = 1; i < windows; i++) {
      withTurn += (order[i] - mean) * (i - windows / 2.0) * 16;
      withLast += (order[i] - mean) * (order[i - 1] - mean);
    }
    double limit = 6 / Math.sqrt(windows);
    assertTrue(Math.abs(withTurn / variance) < limit, "with its turn: " + withTurn / variance);
    assertTrue(Math.abs(withLast / variance) < limit, "with the last: " + withLast / variance);
  }

  @Test
  void aPlaceIsAllThereIsToRemember() {
    Random random = Seeds.random("WindowSamplerTest");
    long seed = random.nextLong();
    WindowSampler sampler = new WindowSampler(1000, 30, seed);
    draw(sampler, random.nextInt(100));
    WindowSampler.Position position = sampler.position();
    long[] expected = draw(sampler, 100);
    WindowSampler other = new WindowSampler(1000, 30, seed);
    other.goTo(position);
    assertArrayEquals(expected, draw(other, 100));
    long[] another = draw(new WindowSampler(1000, 30, seed + 1), 100);
    assertFalse(Arrays.equals(expected, another));
  }

  /** A run resumed with a later release must draw the same windows. */
  @Test
  void theChoiceIsForGood() {
    assertArrayEquals(
        new long[] {568, 368, 268, 668, 68, 468, 168, 768, 868, 82, 482, 282},
        draw(new WindowSampler(1000, 100, 42), 12));
  }

  @Test
  void oneWindowIsTheLeast() {
    DataTooShortException e =
        assertThrows(DataTooShortException.class, () -> new WindowSampler(64, 64, 1));
    assertEquals("has 64 tokens, but one window of 64 needs 65", e.shortage());
    assertEquals(
        "the token stream " + e.shortage() + "; use more text or a shorter window", e.getMessage());
    assertEquals(0, new WindowSampler(65, 64, 1).next());
  }

  private static long[] draw(WindowSampler sampler, int count) {
    return LongStream.generate(sampler::next).limit(count).toArray();
  }
}
