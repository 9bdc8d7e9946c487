package org.tokenformer.engine.testing;

import java.util.Random;

/** Random numbers of tests: the seed is printed, and {@code -Dtokenformer.seed=N} sets it. */
public final class Seeds {
  private Seeds() {}

  /** A generator for one test. */
  public static Random random(String test) {
    long seed = Long.getLong("tokenformer.seed", System.nanoTime());
    System.out.println(test + ": -Dtokenformer.seed=" + seed);
    return new Random(seed);
  }
}
