package org.tokenformer.engine.model.training;

/**
 * Random numbers without a state: a hash of what they are for. A run that is resumed, in whatever
 * release of Java, finds the same ones.
 */
public final class SplitMix {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  private SplitMix() {}

  /** 64 bits that hang on every one of these numbers and on their order. */
  public static long hash(long... numbers) {
    long bits = 0;
    for (long number : numbers) {
      bits = then(bits, number);
    }
    return bits;
  }

  /** The same of four numbers, for what asks so often that an array each time would be much. */
  public static long hash(long a, long b, long c, long d) {
    return then(then(then(then(0, a), b), c), d);
  }

  private static long then(long bits, long number) {
    return mix(bits + number + GOLDEN_GAMMA);
  }

  // The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
  private static long mix(long bits) {
    bits = (bits ^ bits >>> 30) * 0xBF58476D1CE4E5B9L;
    bits = (bits ^ bits >>> 27) * 0x94D049BB133111EBL;
    return bits ^ bits >>> 31;
  }
}
