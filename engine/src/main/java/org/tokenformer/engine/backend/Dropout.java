package org.tokenformer.engine.backend;

/**
 * Which weights θ of a Pattention are left out in one training step. A weight is kept or not by a
 * hash of its place, so that the backward pass, any number of threads and any backend find the same
 * ones without a mask in memory; those kept are scaled by 1/(1 − rate).
 *
 * @param rate share of the weights left out, 0 to below 1
 * @param seed another one for each Pattention and step
 */
public record Dropout(float rate, int seed) {
  /** Keeps everything. */
  public static final Dropout NONE = new Dropout(0, 0);

  /** The hash that counts has so many bits. */
  public static final int BITS = 24;

  /** What the hash of a row is stepped by from one parameter token to the next. */
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

  /** Whether nothing is left out. */
  public boolean isNone() {
    return rate == 0;
  }

  /** What the weights that are kept are multiplied by. */
  public float scale() {
    return 1 / (1 - rate);
  }

  /** Weights whose {@link #hash} is less are left out. */
  public int threshold() {
    return Math.round(rate * (1 << BITS));
  }

  /** What all hashes of a row of activations begin with. */
  public int rowHash(int row) {
    return mix(seed ^ row * 0x9E3779B9);
  }

  /** The hash of the n-th parameter token's weight: {@link #BITS} bits. */
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
