package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;

/**
 * Measures the ceilings of the machine, on several cores at once: fused multiply-adds that touch no
 * memory, the micro-kernel on operands in the first-level cache, and memory bandwidth for reads.
 * Benchmarks report kernels relative to these ceilings.
 */
public final class CeilingsTask implements AutoCloseable {
  private static final long NANOS_PER_ROUND = 40_000_000;
  private static final int ROUNDS = 12;
  private static final int SHORT_ROUNDS = 4; // warm-up, until everything is compiled

  // Split between the workers; far larger than the last-level cache of any laptop.
  private static final long BYTES = 512L << 20;
  private static final int STREAMS = 4;

  private final Workers workers;
  private final Arena arena = Arena.ofShared();
  private @Nullable MemorySegment memory; // allocated on first use, not for FLOP/s
  private final long[] tiles; // each worker's own operands

  /**
   * Prepares a measurement.
   *
   * @param threads number of threads that work at once, at least 1
   */
  public CeilingsTask(int threads) {
    workers = new Workers(threads);
    tiles = new long[threads];
    for (int i = 0; i < threads; i++) {
      tiles[i] = arena.allocate(Gemm.PACKED_BYTES, 64).address();
    }
  }

  /** A piece of work of one worker; returns the amount of work done, in FLOP or bytes. */
  private interface Work {
    double run(int worker);
  }

  /** Returns the peak rate in FLOP/s; an FMA counts as two operations. */
  public double flops() {
    return Math.max(best(this::multiplyAdd), best(this::tile));
  }

  /** Returns the peak read bandwidth in bytes per second. */
  public double bytesPerSecond() {
    memory(); // allocated before the clock starts
    return Math.max(best(this::readStreams), best(this::readRows));
  }

  /**
   * Returns the best of several rounds: on a shared machine, slower rounds mostly measure its other
   * users.
   */
  private double best(Work work) {
    double best = 0;
    for (int round = 0; round < ROUNDS + SHORT_ROUNDS; round++) {
      best =
          Math.max(best, round(work, round < SHORT_ROUNDS ? NANOS_PER_ROUND / 8 : NANOS_PER_ROUND));
    }
    return best;
  }

  private double round(Work work, long nanos) {
    double[] done = new double[tiles.length * 16]; // 128 bytes each, against false sharing
    long start = System.nanoTime();
    workers.run(worker -> {
      double sum = 0;
      do {
        sum += work.run(worker);
      } while (System.nanoTime() - start < nanos);
      done[worker * 16] = sum;
    });
    double seconds = (System.nanoTime() - start) / 1e9;
    double total = 0;
    for (double each : done) {
      total += each;
    }
    return total / seconds;
  }

  /** Runs twelve chains of multiply-adds, enough to hide the latency of two FMA units. */
  private double multiplyAdd(int worker) {
    int steps = 20_000;
    FloatVector a = FloatVector.fromMemorySegment(FLOATS, ALL, tiles[worker], LE);
    FloatVector b = FloatVector.broadcast(FLOATS, 0.5f);
    FloatVector c0 = a;
    FloatVector c1 = a;
    FloatVector c2 = a;
    FloatVector c3 = a;
    FloatVector c4 = a;
    FloatVector c5 = a;
    FloatVector c6 = a;
    FloatVector c7 = a;
    FloatVector c8 = a;
    FloatVector c9 = a;
    FloatVector c10 = a;
    FloatVector c11 = a;
    for (int i = 0; i < steps; i++) {
      c0 = c0.fma(b, a);
      c1 = c1.fma(b, a);
      c2 = c2.fma(b, a);
      c3 = c3.fma(b, a);
      c4 = c4.fma(b, a);
      c5 = c5.fma(b, a);
      c6 = c6.fma(b, a);
      c7 = c7.fma(b, a);
      c8 = c8.fma(b, a);
      c9 = c9.fma(b, a);
      c10 = c10.fma(b, a);
      c11 = c11.fma(b, a);
    }
    FloatVector sum = c0.add(c1).add(c2).add(c3).add(c4).add(c5);
    sum.add(c6).add(c7).add(c8).add(c9).add(c10).add(c11).intoMemorySegment(ALL, tiles[worker], LE);
    return 2.0 * 12 * LANES * steps;
  }

  private double tile(int worker) {
    int repeats = 50;
    int k = 128;
    long a = tiles[worker];
    long b = a + (long) Tile.ROWS * k * Float.BYTES;
    long c = b + k * Simd.PANEL_BYTES;
    for (int i = 0; i < repeats; i++) {
      Tile.multiply(a, b, k, Simd.PANEL_VECTORS, c, Simd.PANEL_BYTES, false);
    }
    return 2.0 * Tile.ROWS * k * Simd.PANEL * repeats;
  }

  private MemorySegment memory() {
    MemorySegment segment = memory;
    if (segment == null) {
      segment = arena.allocate(BYTES, 64);
      memory = segment;
    }
    return segment;
  }

  /** Reads a worker's part of the memory once, as a few parallel streams. */
  private double readStreams(int worker) {
    long part = BYTES / tiles.length / STREAMS / (4 * VECTOR_BYTES) * (4 * VECTOR_BYTES);
    long start = memory().address() + worker * part * STREAMS;
    read(start, part, part, tiles[worker]);
    return (double) part * STREAMS;
  }

  /** Does the same in neighbouring rows, as the kernels of one token do. */
  private double readRows(int worker) {
    long row = 3072 / (4 * VECTOR_BYTES) * (4 * VECTOR_BYTES);
    long part = BYTES / tiles.length / (STREAMS * row);
    long start = memory().address() + worker * part * STREAMS * row;
    for (long i = 0; i < part; i++) {
      read(start + i * STREAMS * row, row, row, tiles[worker]);
    }
    return (double) part * STREAMS * row;
  }

  private static void read(long start, long stride, long bytes, long sink) {
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (long i = start; i < start + bytes; i += VECTOR_BYTES) {
      s0 = s0.add(FloatVector.fromMemorySegment(FLOATS, ALL, i, LE));
      s1 = s1.add(FloatVector.fromMemorySegment(FLOATS, ALL, i + stride, LE));
      s2 = s2.add(FloatVector.fromMemorySegment(FLOATS, ALL, i + 2 * stride, LE));
      s3 = s3.add(FloatVector.fromMemorySegment(FLOATS, ALL, i + 3 * stride, LE));
    }
    s0.add(s1).add(s2).add(s3).intoMemorySegment(ALL, sink, LE);
  }

  @Override
  public void close() {
    workers.close();
    arena.close();
  }
}
