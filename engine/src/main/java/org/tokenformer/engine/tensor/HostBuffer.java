package org.tokenformer.engine.tensor;

import java.lang.foreign.MemorySegment;

/**
 * A buffer in CPU memory: a 64-byte aligned off-heap segment or a part of a mapped file.
 *
 * @param segment native memory; its scope determines the buffer's lifetime
 */
public record HostBuffer(MemorySegment segment) implements Buffer {
  /**
   * Wraps native memory.
   *
   * @throws IllegalArgumentException if the segment is on the heap, where it has no address
   */
  public HostBuffer {
    if (!segment.isNative()) {
      throw new IllegalArgumentException("segment must be native memory, not " + segment);
    }
  }

  /**
   * Returns the bytes of a tensor in CPU memory.
   *
   * @throws IllegalArgumentException if the tensor is not in CPU memory
   */
  public static MemorySegment segmentOf(Tensor tensor) {
    if (tensor.buffer() instanceof HostBuffer(MemorySegment segment)) {
      return segment.asSlice(tensor.offset(), tensor.byteSize());
    }
    throw new IllegalArgumentException("tensor " + tensor + " is not in CPU memory");
  }

  /**
   * Returns the address of a tensor's first element. It is valid only while the buffer is alive;
   * the caller must ensure this for as long as it uses the address.
   *
   * @throws IllegalArgumentException if the tensor is not in CPU memory
   */
  public static long addressOf(Tensor tensor) {
    if (tensor.buffer() instanceof HostBuffer buffer) {
      return buffer.segment.address() + tensor.offset();
    }
    throw new IllegalArgumentException("tensor " + tensor + " is not in CPU memory");
  }

  @Override
  public long byteSize() {
    return segment.byteSize();
  }

  @Override
  public boolean isAlive() {
    return segment.scope().isAlive();
  }

  @Override
  public boolean isReadOnly() {
    return segment.isReadOnly();
  }
}
