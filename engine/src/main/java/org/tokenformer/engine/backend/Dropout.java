package org.tokenformer.engine.backend;

/**
 * Determines which weights θ of a Pattention are dropped in one training step. A hash of its row
 * and column decides about each weight, so the backward pass, any number of threads and any backend
 * drop the same weights without a mask in memory. Kept weights are scaled by 1/(1 − rate).
 *
 * @param rate fraction of weights dropped, at least 0 and below 1
 * @param seed different for each Pattention and step
 */
public record Dropout(float rate, int seed) {
  /** Drops nothing. */
  public static final Dropout NONE = new Dropout(0, 0);

  /** Number of bits of a {@link #hash}. */
  public static final int BITS = 24;

  /** Added to a row's hash for each parameter token. */
  public static final int STEP = 0x85EBCA6B;

  // Two rounds of xor-shift and multiply with the constants of Chris Wellons' "lowbias32".

  /** First multiplier of the hash, between shifts by 16 and 15. */
  public static final int FACTOR_1 = 0x7FEB352D;

  /** Second multiplier of the hash, between shifts by 15 and 16. */
  public static final int FACTOR_2 = 0x846CA68B;

  /** Checks the rate. */
  public Dropout {
    if (!(rate >= 0 && rate < 1)) {
      throw new IllegalArgumentException("dropout must be at least 0 and below 1, not " + rate);
    }
  }

  /** Returns whether nothing is dropped. */
  public boolean isNone() {
    return rate == 0;
  }

  /** Returns the factor of the kept weights. */
  public float scale() {
    return 1 / (1 - rate);
  }

  /** Returns the smallest {@link #hash} of a kept weight. */
  public int threshold() {
    return Math.round(rate * (1 << BITS));
  }

  /** Returns the hash of a row of activations, from which those of its weights are derived. */
  public int rowHash(int row) {
    return mix(seed ^ row * 0x9E3779B9);
  }

  /** Returns the hash of the n-th parameter token's weight, which has {@link #BITS} bits. */
  public static int hash(int rowHash, int n) {
    return mix(rowHash + n * STEP) >>> (Integer.SIZE - BITS);
  }

  private static int mix(int bits) {
    bits ^= bits >>> 16;
    bits *= FACTOR_1;
    bits ^= bits >>> 15;
    bits *= FACTOR_2;
    return bits ^ bits >>> 16;
  }
}
