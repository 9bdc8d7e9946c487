package org.tokenformer.cli.explain;

import java.util.ArrayList;
import java.util.List;

/**
 * How strongly the parameter tokens of one Pattention fired (were activated), reduced to what the
 * page shows: the strongest ones, and a strip of cells. A cell is a range of parameter tokens of
 * one growth stage, as strong as the strongest of them. The strength |θᵢ|·‖Wᵢ‖ is the norm of the
 * parameter token's contribution θᵢWᵢ to the output.
 *
 * <p>There is one row per token of the text, and a last row for the whole text, with mean strengths
 * and mean |θ|.
 */
final class FiringStrip {
  /** Number of strongest parameter tokens stored per row. */
  static final int STRONGEST = 4;

  private static final float TAKEN = -1;

  private final int tokens;
  private final float largestOfTokens;
  private final float largestOfWhole;
  private final int[] stages; // of each parameter token
  private final int[] firsts; // first parameter token of each cell
  private final float[] strengths; // (rows, cells)
  private final int[] strongest; // (rows, STRONGEST), −1 where there are fewer
  private final float[] thetas; // likewise
  private final double[] grownFractions; // of each row: fraction of the strength of stages above 0

  /**
   * Reduces the activations.
   *
   * @param activations θ, (tokens, N) in its first elements
   * @param count N
   * @param norms (N), ‖W‖
   * @param stages (N)
   * @param maxCells approximate maximum number of cells
   */
  FiringStrip(
      float[] activations, int tokens, int count, float[] norms, int[] stages, int maxCells) {
    if (norms.length != count || stages.length != count) {
      throw new IllegalArgumentException(
          "norms and stages must have %d elements, not %d and %d"
              .formatted(count, norms.length, stages.length));
    }
    this.tokens = tokens;
    this.stages = stages;
    firsts = cells(stages, Math.min(maxCells, count));
    strengths = new float[(tokens + 1) * firsts.length];
    strongest = new int[(tokens + 1) * STRONGEST];
    thetas = new float[(tokens + 1) * STRONGEST];
    grownFractions = new double[tokens + 1];
    float[] theta = new float[count];
    float[] mean = new float[count];
    for (int t = 0; t < tokens; t++) {
      System.arraycopy(activations, t * count, theta, 0, count);
      reduce(t, theta, norms);
      for (int n = 0; n < count; n++) {
        mean[n] += Math.abs(theta[n]) / tokens;
      }
    }
    reduce(tokens, mean, norms);
    largestOfTokens = largest(0, tokens);
    largestOfWhole = largest(tokens, tokens + 1);
  }

  /**
   * Splits the parameter tokens into cells of about equal size, at least one per run of a stage.
   */
  private static int[] cells(int[] stages, int wanted) {
    List<Integer> cells = new ArrayList<>();
    int start = 0;
    for (int end = 1; end <= stages.length; end++) {
      if (end == stages.length || stages[end] != stages[start]) {
        int length = end - start;
        int parts = (int) Math.max(1, Math.round((double) wanted * length / stages.length));
        for (int i = 0; i < Math.min(parts, length); i++) {
          cells.add(start + (int) ((long) length * i / Math.min(parts, length)));
        }
        start = end;
      }
    }
    return cells.stream().mapToInt(Integer::intValue).toArray();
  }

  private void reduce(int row, float[] theta, float[] norms) {
    float[] strength = new float[theta.length];
    double all = 0;
    double grown = 0;
    int cell = 0;
    for (int n = 0; n < theta.length; n++) {
      strength[n] = Math.abs(theta[n]) * norms[n];
      all += strength[n];
      grown += stages[n] > 0 ? strength[n] : 0;
      cell += cell + 1 < firsts.length && n == firsts[cell + 1] ? 1 : 0;
      int at = row * firsts.length + cell;
      strengths[at] = Math.max(strengths[at], strength[n]);
    }
    grownFractions[row] = all == 0 ? 0 : grown / all;
    rank(row, theta, strength);
  }

  /** Stores the strongest parameter tokens and removes them from the strengths. */
  private void rank(int row, float[] theta, float[] strength) {
    for (int i = row * STRONGEST; i < (row + 1) * STRONGEST; i++) {
      int best = -1;
      for (int n = 0; n < strength.length; n++) {
        if (strength[n] > (best < 0 ? TAKEN : strength[best])) {
          best = n;
        }
      }
      strongest[i] = best;
      if (best >= 0) {
        thetas[i] = theta[best];
        strength[best] = TAKEN;
      }
    }
  }

  /** Returns the row of the whole text, which is the last one. */
  int wholeTextRow() {
    return tokens;
  }

  /** Returns N, the number of parameter tokens. */
  int count() {
    return stages.length;
  }

  /** Returns the first parameter token of each cell. */
  int[] firsts() {
    return firsts;
  }

  int stageOf(int parameterToken) {
    return stages[parameterToken];
  }

  /** Returns a strength as a fraction of the largest: of all tokens, or of the whole text. */
  float fraction(int row, int cell) {
    float largest = row == tokens ? largestOfWhole : largestOfTokens;
    return largest == 0 ? 0 : strengths[row * firsts.length + cell] / largest;
  }

  private float largest(int fromRow, int toRow) {
    float largest = 0;
    for (int i = fromRow * firsts.length; i < toRow * firsts.length; i++) {
      largest = Math.max(largest, strengths[i]);
    }
    return largest;
  }

  /** Returns the i-th strongest parameter token of a row, or −1. */
  int strongest(int row, int i) {
    return strongest[row * STRONGEST + i];
  }

  /** Returns the θ of the i-th strongest parameter token. */
  float theta(int row, int i) {
    return thetas[row * STRONGEST + i];
  }

  /** Returns the largest stored |θ|. */
  float largestTheta() {
    float largest = 0;
    for (float theta : thetas) {
      largest = Math.max(largest, Math.abs(theta));
    }
    return largest;
  }

  /** Returns the fraction, 0 to 1, of a row's strength contributed by grown tokens. */
  double grownFraction(int row) {
    return grownFractions[row];
  }
}
