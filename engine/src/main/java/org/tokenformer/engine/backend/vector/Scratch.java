package org.tokenformer.engine.backend.vector;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The working memory of a backend's operations, kept from one to the next: a shared part that the
 * phases of an operation hand to each other, and two parts for each worker. It grows to what the
 * largest operation needs and never shrinks.
 *
 * <p>Automatic arenas: a buffer that was outgrown goes with the next garbage collection, since
 * closing a shared arena in the middle of work would stop all threads and deoptimise their code.
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

  /** Address of at least that many bytes; the contents of the last operation are lost. */
  long shared(long bytes) {
    if (shared.byteSize() < bytes) {
      shared = allocate(bytes + bytes / 4);
    }
    return shared.address();
  }

  /** Address of {@link Gemm#PACKED_BYTES} bytes of one worker. */
  long packed(int worker) {
    return packed[worker].address();
  }

  /** One worker's view of what serves as weights for a moment. */
  WeightRows weights(int worker) {
    return weights[worker];
  }

  /** Address of at least that many bytes of one worker; called by that worker only. */
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
