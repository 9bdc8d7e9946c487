package org.tokenformer.engine.backend;

import java.util.List;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The keys and values of one sequence's past, for every layer. How much of it is filled is the
 * session's to know: {@link Sequence#start()}.
 *
 * @param keys for each layer (capacity, C), F32 or BF16
 * @param values likewise
 */
public record KeyValueCache(List<Tensor> keys, List<Tensor> values) {
  /** Copies the lists. */
  public KeyValueCache {
    keys = List.copyOf(keys);
    values = List.copyOf(values);
  }

  /** Positions that fit. */
  public int capacity() {
    return Math.toIntExact(keys.getFirst().rows());
  }

  /** Element type. */
  public DType dtype() {
    return keys.getFirst().dtype();
  }
}
