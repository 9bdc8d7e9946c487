package org.tokenformer.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/**
 * A tensor to be written whose elements are requested only when they are written, so that a file's
 * tensors need not all be in memory at once.
 *
 * @param name any text
 * @param dtype type of the elements
 * @param shape sizes, outermost first
 * @param data supplies the elements in the form of {@link NamedTensor#data}; valid until the next
 *     tensor's elements are requested
 */
public record PendingTensor(String name, DType dtype, Shape shape, Supplier<MemorySegment> data)
    implements TensorInfo {
  /** Returns a tensor whose elements are in memory already. */
  public static PendingTensor of(NamedTensor tensor) {
    return new PendingTensor(tensor.name(), tensor.dtype(), tensor.shape(), tensor::data);
  }
}
