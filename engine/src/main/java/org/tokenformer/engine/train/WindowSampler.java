package org.tokenformer.engine.train;

import org.tokenformer.engine.model.training.SplitMix;

/**
 * Draws the training windows from a stream. Each epoch uses each id once as an input, except the
 * few outside of its first and last full windows.
 *
 * <p>In each epoch the stream is cut into windows without overlap from a new random offset, and the
 * windows come in a random order. Offset and order depend only on the seed and the number of the
 * epoch, so two numbers describe the position of a run.
 */
final class WindowSampler {
  private static final int ROUNDS = 6;

  private final long size;
  private final int sequence;
  private final long seed;
  private Position position = new Position(0, 0);

  /**
   * The position of a run.
   *
   * @param epoch counted from 0
   * @param window index of the next window in the epoch
   */
  record Position(long epoch, long window) {}

  /**
   * Creates a sampler at the first window.
   *
   * @param size number of ids in the stream
   * @param sequence S: a window has one id more
   * @throws DataTooShortException if the stream is shorter than one window
   */
  WindowSampler(long size, int sequence, long seed) {
    DataTooShortException.check(size, sequence);
    this.size = size;
    this.sequence = sequence;
    this.seed = seed;
  }

  Position position() {
    return position;
  }

  void goTo(Position to) {
    position = to;
  }

  /** Returns the index of the first of the S + 1 ids of the next window. */
  long next() {
    long first = first(position.epoch);
    long windows = (size - 1 - first) / sequence;
    if (position.window >= windows) {
      position = new Position(position.epoch + 1, 0);
      first = first(position.epoch);
      windows = (size - 1 - first) / sequence;
    }
    long window = permuted(position.window, windows);
    position = new Position(position.epoch, position.window + 1);
    return first + window * sequence;
  }

  /** Returns the index of the first id of an epoch's first window. */
  private long first(long epoch) {
    long choices = Math.min(sequence, size - sequence);
    return Math.floorMod(SplitMix.hash(seed, epoch), choices);
  }

  /**
   * Returns the image of a number under a random permutation of 0 to count − 1. A Feistel network
   * permutes all numbers of that many bits and is repeated until the result is below count.
   */
  private long permuted(long number, long count) {
    int half = Math.max(1, (Long.SIZE - Long.numberOfLeadingZeros(count - 1) + 1) / 2);
    long mask = (1L << half) - 1;
    long permuted = number;
    do {
      long left = permuted >>> half;
      long right = permuted & mask;
      for (int round = 0; round < ROUNDS; round++) {
        long mixed = left ^ (SplitMix.hash(seed, position.epoch, round, right) & mask);
        left = right;
        right = mixed;
      }
      permuted = left << half | right;
    } while (permuted >= count);
    return permuted;
  }
}
