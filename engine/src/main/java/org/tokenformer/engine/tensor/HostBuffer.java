package org.tokenformer.engine.tensor;

import java.lang.foreign.MemorySegment;

/**
 * A buffer of the CPU: a 64-byte aligned off-heap segment or a part of a mapped file.
 *
 * @param segment native memory; its scope decides how long the buffer lives
 */
public record HostBuffer(MemorySegment segment) implements Buffer {
  /**
   * Wraps native memory.
   *
   * @throws IllegalArgumentException if the segment lies on the heap, where it has no address
   */
  public HostBuffer {
    if (!segment.isNative()) {
      throw new IllegalArgumentException("a tensor needs native memory, not " + segment);
    }
  }

  /**
   * The bytes of a tensor that lives on the CPU.
   *
   * @throws IllegalArgumentException if the tensor lives elsewhere
   */
  public static MemorySegment segmentOf(Tensor tensor) {
    if (tensor.buffer() instanceof HostBuffer(MemorySegment segment)) {
      return segment.asSlice(tensor.offset(), tensor.byteSize());
    }
    throw new IllegalArgumentException("tensor " + tensor + " is not in the CPU's memory");
  }

  /**
   * The address of a tensor's first element. Valid only while the buffer is alive, which the caller
   * guarantees for as long as it uses the address.
   *
   * @throws IllegalArgumentException if the tensor lives elsewhere
   */
  public static long addressOf(Tensor tensor) {
    if (tensor.buffer() instanceof HostBuffer buffer) {
      return buffer.segment.address() + tensor.offset();
    }
    throw new IllegalArgumentException("tensor " + tensor + " is not in the CPU's memory");
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
