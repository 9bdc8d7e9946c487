package org.tokenformer.engine.train;

import org.tokenformer.engine.model.training.SplitMix;

/**
 * Chooses the windows of a stream that a run learns from: epoch by epoch, each id once as an input.
 *
 * <p>In each epoch the stream is cut into windows without overlap, beginning at a place that is
 * drawn anew, so that the cuts fall elsewhere; and the windows come in a random order. Both hang on
 * nothing but the seed and the number of the epoch: where a run stands are two numbers.
 */
final class WindowSampler {
  private static final int ROUNDS = 6;

  private final long size;
  private final int sequence;
  private final long seed;
  private Position position = new Position(0, 0);

  /**
   * Where a run stands.
   *
   * @param epoch counted from 0
   * @param window of the epoch that comes next
   */
  record Position(long epoch, long window) {}

  /**
   * At the beginning.
   *
   * @param size ids of the stream
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

  /** Where the next window begins: the index of the first of its S + 1 ids. */
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

  /** Where the first window of an epoch begins. */
  private long first(long epoch) {
    long choices = Math.min(sequence, size - sequence);
    return Math.floorMod(SplitMix.hash(seed, epoch), choices);
  }

  /**
   * The place of a number in a random order of 0 to count − 1: a Feistel network permutes the
   * numbers of so many bits, and is walked until it comes to one that is small enough.
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
