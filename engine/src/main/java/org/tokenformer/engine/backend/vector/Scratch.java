package org.tokenformer.engine.backend.vector;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Working memory that a backend's operations reuse: a shared part that the phases of an operation
 * pass to each other, and two parts per worker. It grows to what the largest operation needs and
 * never shrinks.
 *
 * <p>It uses automatic arenas, so the garbage collector frees a buffer that has been replaced by a
 * larger one: closing a shared arena during work would stop all threads and deoptimise their code.
 */
final class Scratch {
  private static final int ALIGNMENT = 64;

  private MemorySegment shared = allocate(1 << 16);
  private final MemorySegment[] packed;
  private final MemorySegment[] local;
  private final WeightRows[] weights;

  Scratch(int threads) {
    packed = new MemorySegment[threads];
    local = new MemorySegment[threads];
    weights = new WeightRows[threads];
    for (int i = 0; i < threads; i++) {
      packed[i] = allocate(Gemm.PACKED_BYTES);
      local[i] = allocate(1 << 12);
      weights[i] = new WeightRows();
    }
  }

  /**
   * Returns the address of at least that many bytes; the contents of the last operation are lost.
   */
  long shared(long bytes) {
    if (shared.byteSize() < bytes) {
      shared = allocate(bytes + bytes / 4);
    }
    return shared.address();
  }

  /** Returns the address of one worker's {@link Gemm#PACKED_BYTES} bytes. */
  long packed(int worker) {
    return packed[worker].address();
  }

  /** Returns one worker's reusable view of matrices that temporarily serve as weights. */
  WeightRows weights(int worker) {
    return weights[worker];
  }

  /**
   * Returns the address of at least that many bytes of one worker; only that worker may call it.
   */
  long local(int worker, long bytes) {
    if (local[worker].byteSize() < bytes) {
      local[worker] = allocate(bytes + bytes / 4);
    }
    return local[worker].address();
  }

  private static MemorySegment allocate(long bytes) {
    return Arena.ofAuto().allocate(bytes, ALIGNMENT);
  }
}
