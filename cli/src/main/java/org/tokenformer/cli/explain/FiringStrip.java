package org.tokenformer.cli.explain;

import java.util.ArrayList;
import java.util.List;

/**
 * How strongly one Pattention's parameter tokens fired, reduced to what a page shows: the strongest
 * ones, and a strip of cells. A cell is a stretch of parameter tokens of one stage, as strong as
 * the strongest of them. Strength is |θᵢ|·‖Wᵢ‖, what a parameter token adds to the output at most.
 *
 * <p>There is a row for each token of the text, and a last one for the whole: the mean strengths,
 * and the mean |θ|.
 */
final class FiringStrip {
  /** Strongest parameter tokens that are kept of each row. */
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
  private final double[] later; // of each row, share of the strength that is not of stage 0

  /**
   * Reduces what was seen.
   *
   * @param seen θ, (tokens, N) in its first places
   * @param count N
   * @param norms (N), ‖W‖
   * @param stages (N)
   * @param mostCells of the strip, about
   */
  FiringStrip(float[] seen, int tokens, int count, float[] norms, int[] stages, int mostCells) {
    if (norms.length != count || stages.length != count) {
      throw new IllegalArgumentException(
          "%d norms and %d stages of %d parameter tokens"
              .formatted(norms.length, stages.length, count));
    }
    this.tokens = tokens;
    this.stages = stages;
    firsts = cells(stages, Math.min(mostCells, count));
    strengths = new float[(tokens + 1) * firsts.length];
    strongest = new int[(tokens + 1) * STRONGEST];
    thetas = new float[(tokens + 1) * STRONGEST];
    later = new double[tokens + 1];
    float[] theta = new float[count];
    float[] mean = new float[count];
    for (int t = 0; t < tokens; t++) {
      System.arraycopy(seen, t * count, theta, 0, count);
      reduce(t, theta, norms);
      for (int n = 0; n < count; n++) {
        mean[n] += Math.abs(theta[n]) / tokens;
      }
    }
    reduce(tokens, mean, norms);
    largestOfTokens = largest(0, tokens);
    largestOfWhole = largest(tokens, tokens + 1);
  }

  /** As many cells of about one size as are wanted, and one for each run of a stage at least. */
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
    later[row] = all == 0 ? 0 : grown / all;
    rank(row, theta, strength);
  }

  /** Takes the strongest out of the strengths, one after the other. */
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

  /** The row of the whole text, which is the last one. */
  int wholeText() {
    return tokens;
  }

  /** N. */
  int count() {
    return stages.length;
  }

  /** The first parameter token of each cell. */
  int[] firsts() {
    return firsts;
  }

  int stageOf(int parameterToken) {
    return stages[parameterToken];
  }

  /** A strength as a share of the largest of its kind: of all tokens', or of the whole text's. */
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

  /** The i-th strongest parameter token of a row, or −1. */
  int strongest(int row, int i) {
    return strongest[row * STRONGEST + i];
  }

  /** Its θ. */
  float theta(int row, int i) {
    return thetas[row * STRONGEST + i];
  }

  /** The largest |θ| of all those that are kept. */
  float largestTheta() {
    float largest = 0;
    for (float theta : thetas) {
      largest = Math.max(largest, Math.abs(theta));
    }
    return largest;
  }

  /** The share of a row's strength that growth brought in, 0 to 1. */
  double later(int row) {
    return later[row];
  }
}
