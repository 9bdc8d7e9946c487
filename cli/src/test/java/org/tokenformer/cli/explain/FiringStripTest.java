package org.tokenformer.cli.explain;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

/** Ten parameter tokens, six of the start and four that growth added; two tokens of text. */
final class FiringStripTest {
  private static final int[] STAGES = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1};
  private static final float[] NORMS = {1, 2, 1, 1, 1, 1, 1, 1, 4, 1};
  private static final float[] SEEN = {
    0.5f,
    -2,
    0,
    1,
    0,
    0,
    0,
    3,
    -1,
    0, //
    0,
    1,
    0,
    1,
    0,
    0.25f,
    0,
    0,
    0,
    0,
    9,
    9,
    9 // the next Pattention may have been longer
  };
  private final FiringStrip strip = new FiringStrip(SEEN, 2, 10, NORMS, STAGES, 4);

  @Test
  void noCellCrossesAStage() {
    assertArrayEquals(new int[] {0, 3, 6, 8}, strip.firsts());
    int[] odd = {0, 1, 1, 1, 1, 1, 1, 1, 1, 2};
    assertArrayEquals(new int[] {0, 1, 5, 9}, new FiringStrip(SEEN, 2, 10, NORMS, odd, 3).firsts());
    int[] cells = new FiringStrip(SEEN, 2, 10, NORMS, new int[10], 64).firsts();
    assertArrayEquals(new int[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, cells);
  }

  @Test
  void everyParameterTokenHasANormAndAStage() {
    float[] norms = new float[9];
    int[] stages = new int[11];
    assertThrows(
        IllegalArgumentException.class, () -> new FiringStrip(SEEN, 2, 10, norms, STAGES, 4));
    assertThrows(
        IllegalArgumentException.class, () -> new FiringStrip(SEEN, 2, 10, NORMS, stages, 4));
  }

  @Test
  void aCellIsAsStrongAsItsStrongest() {
    float[] first = {1, 0.25f, 0.75f, 1}; // of 4, 1, 3 and 4
    float[] second = {0.5f, 0.25f, 0, 0};
    for (int cell = 0; cell < 4; cell++) {
      assertEquals(first[cell], strip.fraction(0, cell));
      assertEquals(second[cell], strip.fraction(1, cell));
    }
    // Means of |θ| times the norm: 3, 1, 1.5 and 2.
    float[] whole = {1, 1 / 3f, 0.5f, 2 / 3f};
    for (int cell = 0; cell < 4; cell++) {
      assertEquals(whole[cell], strip.fraction(2, cell), 1e-6f);
    }
  }

  @Test
  void theStrongestComeFirstWithTheirSign() {
    int[] indices = {1, 8, 7, 3};
    float[] thetas = {-2, -1, 3, 1};
    for (int i = 0; i < 4; i++) {
      assertEquals(indices[i], strip.strongest(0, i));
      assertEquals(thetas[i], strip.theta(0, i));
    }
    assertEquals(1.5f, strip.theta(2, 0)); // the mean of |θ| of parameter token 1
    assertEquals(3, strip.largestTheta());
  }

  @Test
  void theShareOfWhatGrowthAdded() {
    assertEquals(7 / 12.5, strip.grownFraction(0), 1e-6);
    assertEquals(0, strip.grownFraction(1));
    assertEquals(0, new FiringStrip(new float[10], 1, 10, NORMS, STAGES, 4).grownFraction(0));
  }

  @Test
  void numbersAreDigits() {
    String digits = PageNumbers.strengths(strip);
    assertEquals(12, digits.length());
    assertEquals('_', digits.charAt(0));
    assertEquals(16, value(digits, 1, 1));
    assertEquals(47, value(digits, 2, 1));
    assertEquals(0, value(digits, 7, 1));
    String strongest = PageNumbers.strongest(strip);
    assertEquals(3 * 4 * 6, strongest.length());
    assertEquals(1, value(strongest, 0, 4));
    assertEquals(-2 / 3.0, (value(strongest, 4, 2) - 2048) / 2047.0, 1e-3);
    assertEquals(7, value(strongest, 12, 4));
    assertEquals(1, (value(strongest, 16, 2) - 2048) / 2047.0);
  }

  private static int value(String digits, int from, int count) {
    String alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int value = 0;
    for (int i = from; i < from + count; i++) {
      value = value * 64 + alphabet.indexOf(digits.charAt(i));
    }
    return value;
  }
}
