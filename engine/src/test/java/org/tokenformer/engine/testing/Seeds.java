package org.tokenformer.engine.testing;

import java.util.Random;

/** Random numbers for tests; prints the seed, which {@code -Dtokenformer.seed=N} sets. */
public final class Seeds {
  private Seeds() {}

  /** Returns a generator for one test. */
  public static Random random(String test) {
    long seed = Long.getLong("tokenformer.seed", System.nanoTime());
    System.out.println(test + ": -Dtokenformer.seed=" + seed);
    return new Random(seed);
  }
}
