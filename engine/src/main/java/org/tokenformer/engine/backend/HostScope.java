package org.tokenformer.engine.backend;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** A scope of CPU memory, used by all backends that compute on the CPU. */
public final class HostScope implements MemoryScope {
  private static final int ALIGNMENT = 64;
  private static final AtomicLong LIVE_BYTES = new AtomicLong();

  // Shared, because a backend's workers access it; closed rarely, because that briefly stops all
  // threads.
  private final Arena arena = Arena.ofShared();
  private final AtomicLong allocated = new AtomicLong();
  private final AtomicBoolean closed = new AtomicBoolean();

  /** Opens an empty scope. */
  public HostScope() {}

  /** Returns the bytes allocated in all open scopes of this process; 0 once all are closed. */
  public static long liveBytes() {
    return LIVE_BYTES.get();
  }

  @Override
  public Tensor allocate(DType dtype, Shape shape) {
    long bytes = shape.bytes(dtype);
    MemorySegment segment = arena.allocate(Math.max(bytes, 1), ALIGNMENT);
    allocated.addAndGet(bytes);
    LIVE_BYTES.addAndGet(bytes);
    return new Tensor(new HostBuffer(segment), 0, dtype, shape);
  }

  @Override
  public Tensor adopt(MemorySegment segment, DType dtype, Shape shape) {
    return new Tensor(new HostBuffer(segment), 0, dtype, shape);
  }

  @Override
  public long allocatedBytes() {
    return allocated.get();
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      arena.close();
      LIVE_BYTES.addAndGet(-allocated.get());
    }
  }
}
