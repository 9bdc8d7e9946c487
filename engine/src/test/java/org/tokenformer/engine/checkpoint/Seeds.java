package org.tokenformer.engine.checkpoint;

import java.util.Random;

/** Random numbers with a seed, with which a failing test can be rerun. */
final class Seeds {
  private Seeds() {}

  /** Seeds with {@code -Dtokenformer.seed=N}, otherwise with the clock; prints the seed. */
  static Random random() {
    long seed = Long.getLong("tokenformer.seed", System.nanoTime());
    System.out.println("repeat with -Dtokenformer.seed=" + seed);
    return new Random(seed);
  }
}
