package org.tokenformer.engine.backend;

import java.lang.foreign.MemorySegment;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Memory that is freed as a whole. A model, a session and a trainer own one each.
 *
 * <p>Closing it while an operation uses its tensors is the owner's mistake, and a crash of the JVM:
 * owners count the operations in flight (see {@code Lifetime} in the model package).
 */
public interface MemoryScope extends AutoCloseable {
  /**
   * New memory filled with zeros, 64-byte aligned.
   *
   * @throws OutOfMemoryError if the machine has not got it
   */
  Tensor allocate(DType dtype, Shape shape);

  /**
   * A tensor with the contents of a file or of other native memory: without a copy where the
   * backend computes in that memory, by a copy elsewhere.
   *
   * @param segment native, little-endian, row-major; must outlive this scope
   */
  Tensor adopt(MemorySegment segment, DType dtype, Shape shape);

  /** Bytes allocated here; adopted memory is not counted. */
  long allocatedBytes();

  /** Frees it all. Does nothing the second time. */
  @Override
  void close();
}
