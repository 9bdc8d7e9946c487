package org.tokenformer.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/**
 * A tensor to be written whose elements are asked for when their turn comes, so that not all of
 * them need be in memory that a file can be written from.
 *
 * @param name any text
 * @param dtype type of the elements
 * @param shape sizes, outermost first
 * @param data gives the elements as {@link NamedTensor#data} has them; valid until the next
 *     tensor's are asked for
 */
public record PendingTensor(String name, DType dtype, Shape shape, Supplier<MemorySegment> data)
    implements TensorInfo {
  /** A tensor whose elements are there. */
  public static PendingTensor of(NamedTensor tensor) {
    return new PendingTensor(tensor.name(), tensor.dtype(), tensor.shape(), tensor::data);
  }
}
