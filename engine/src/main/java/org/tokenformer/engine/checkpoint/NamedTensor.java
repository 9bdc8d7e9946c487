package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.lang.foreign.MemorySegment;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/**
 * A tensor of a checkpoint: its name and a read-only view of its elements.
 *
 * <p>The view is valid as long as the owner of its memory keeps it: for a tensor of an open {@link
 * Checkpoint}, until that is closed.
 *
 * @param name as in the file; any text, possibly empty
 * @param dtype type of the elements
 * @param shape sizes, outermost first
 * @param data the elements, row-major without gaps, little-endian, {@code shape.bytes(dtype)} bytes
 */
public record NamedTensor(String name, DType dtype, Shape shape, MemorySegment data)
    implements TensorInfo {
  /**
   * Creates a tensor over this memory without copying it.
   *
   * @throws IllegalArgumentException if the memory does not have the size that shape and type
   *     require
   */
  public NamedTensor {
    long bytes = shape.bytes(dtype);
    if (data.byteSize() != bytes) {
      throw new IllegalArgumentException(
          "tensor %s: %s of %s needs %d bytes, but the memory has %d"
              .formatted(quote(name), shape, dtype, bytes, data.byteSize()));
    }
    data = data.asReadOnly();
  }

  /** Returns the same tensor under another name. */
  public NamedTensor withName(String other) {
    return new NamedTensor(other, dtype, shape, data);
  }

  /** Returns the size of all elements in bytes. */
  public long byteSize() {
    return data.byteSize();
  }
}
