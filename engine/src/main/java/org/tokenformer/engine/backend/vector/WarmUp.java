package org.tokenformer.engine.backend.vector;

import java.lang.foreign.Arena;
import org.tokenformer.engine.backend.Theta;

/**
 * Runs the kernels of a single token on a few numbers while a program is still reading its files.
 * Until C2 has compiled them, vectors are objects and run a hundred times slower; begun with the
 * first token, that would be half of the time that a user waits for it.
 */
final class WarmUp {
  private static final long AT_MOST_NANOS = 400_000_000;
  private static final int ROWS = 64;
  private static final int CHANNELS = 256;

  private volatile boolean over;

  /** Begins, on a thread of its own that ends by itself. */
  void start() {
    Thread.ofPlatform().name("tokenformer-warm-up").daemon(true).start(this::run);
  }

  /** Ends it: real work is there, which warms as well. */
  void stop() {
    over = true;
  }

  private void run() {
    try (Arena arena = Arena.ofConfined()) {
      long weights = arena.allocate(4L * ROWS * CHANNELS, 64).address();
      long x = arena.allocate(4L * CHANNELS, 64).address();
      long scores = arena.allocate(4L * ROWS, 64).address();
      long scratch = arena.allocate(16 * Simd.VECTOR_BYTES, 64).address();
      Simd.fill(weights, ROWS * CHANNELS, 0.01f);
      Simd.fill(x, CHANNELS, 1);
      long stride = 4L * CHANNELS;
      long end = System.nanoTime() + AT_MOST_NANOS;
      while (!over && System.nanoTime() < end) {
        Stream.dots(weights, stride, false, ROWS, CHANNELS, x, scores, scratch);
        ThetaKernel.applyRow(Theta.L2_NORM_GELU, 1, scores, ROWS, scratch);
        Stream.weightedSum(weights, stride, false, ROWS, scores, CHANNELS, x);
        RowKernels.layerNorm(x, CHANNELS, 0, 0, 1e-5f, x, scratch);
      }
    }
  }
}
