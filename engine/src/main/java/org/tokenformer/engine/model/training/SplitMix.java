package org.tokenformer.engine.model.training;

/**
 * Stateless random numbers: a hash of their coordinates, such as seed, step and layer. A resumed
 * run gets the same numbers on every Java release.
 */
public final class SplitMix {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  private SplitMix() {}

  /** Returns 64 bits that depend on each of the numbers and on their order. */
  public static long hash(long... numbers) {
    long bits = 0;
    for (long number : numbers) {
      bits = combine(bits, number);
    }
    return bits;
  }

  /** Returns the same for four numbers without allocating an array, for frequent calls. */
  public static long hash(long a, long b, long c, long d) {
    return combine(combine(combine(combine(0, a), b), c), d);
  }

  private static long combine(long bits, long number) {
    return mix(bits + number + GOLDEN_GAMMA);
  }

  // The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
  private static long mix(long bits) {
    bits = (bits ^ bits >>> 30) * 0xBF58476D1CE4E5B9L;
    bits = (bits ^ bits >>> 27) * 0x94D049BB133111EBL;
    return bits ^ bits >>> 31;
  }
}
