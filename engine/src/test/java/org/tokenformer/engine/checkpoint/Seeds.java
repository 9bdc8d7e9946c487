package org.tokenformer.engine.checkpoint;

import java.util.Random;

/** Random numbers that a failing test can be run with again. */
final class Seeds {
  private Seeds() {}

  /** Seeded by {@code -Dtokenformer.seed=N}, else by the clock; prints the seed. */
  static Random random() {
    long seed = Long.getLong("tokenformer.seed", System.nanoTime());
    System.out.println("repeat with -Dtokenformer.seed=" + seed);
    return new Random(seed);
  }
}
