package org.tokenformer.engine.model.training;

import java.lang.foreign.MemorySegment;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.tensor.Buffer;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** A memory scope that only counts bytes: it measures what a plan would allocate. */
final class CountingMemoryScope implements MemoryScope {
  /** Alignment of tensors in bytes. */
  static final int ALIGNMENT = 64;

  private record Nowhere(long byteSize) implements Buffer {
    @Override
    public boolean isAlive() {
      return false;
    }

    @Override
    public boolean isReadOnly() {
      return true;
    }
  }

  private long bytes;

  @Override
  public Tensor allocate(DType dtype, Shape shape) {
    bytes = Math.addExact(bytes, aligned(shape.bytes(dtype)));
    return new Tensor(new Nowhere(shape.bytes(dtype)), 0, dtype, shape);
  }

  static long aligned(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  @Override
  public Tensor adopt(MemorySegment segment, DType dtype, Shape shape) {
    return new Tensor(new Nowhere(segment.byteSize()), 0, dtype, shape);
  }

  @Override
  public long allocatedBytes() {
    return bytes;
  }

  @Override
  public void close() {}
}
