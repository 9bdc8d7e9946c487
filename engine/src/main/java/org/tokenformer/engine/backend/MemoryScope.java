package org.tokenformer.engine.backend;

import java.lang.foreign.MemorySegment;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Memory that is freed as a whole.
 *
 * <p>Closing a scope while an operation uses its tensors is a programming error that can crash the
 * JVM; owners therefore count the operations in progress (see {@code Lifetime} in the model
 * package).
 */
public interface MemoryScope extends AutoCloseable {
  /**
   * Allocates a tensor filled with zeros, 64-byte aligned.
   *
   * @throws OutOfMemoryError if there is not enough memory
   */
  Tensor allocate(DType dtype, Shape shape);

  /**
   * Returns a tensor with the contents of a file or other native memory. Copies them only if the
   * backend cannot compute in that memory.
   *
   * @param segment native, little-endian, row-major; must outlive this scope
   */
  Tensor adopt(MemorySegment segment, DType dtype, Shape shape);

  /** Returns the bytes allocated in this scope, excluding adopted memory. */
  long allocatedBytes();

  /** Frees all memory of this scope. Further calls have no effect. */
  @Override
  void close();
}
