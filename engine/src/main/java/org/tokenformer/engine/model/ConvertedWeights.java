package org.tokenformer.engine.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.tensor.DType;

/**
 * A model's weights in another type. The vectors of layer normalisations are F32 in any case: they
 * are few.
 */
public final class ConvertedWeights implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final SequencedMap<String, NamedTensor> tensors = new LinkedHashMap<>();

  /**
   * Converts all of them now.
   *
   * @param weights open for as long as this is; what need not be converted is a view of them
   * @param type F32 or BF16; narrowing rounds to nearest, ties to even
   */
  public ConvertedWeights(Collection<NamedTensor> weights, DType type) {
    for (NamedTensor tensor : weights) {
      tensors.put(tensor.name(), convert(tensor.name(), tensor, type, arena));
    }
  }

  /** One of them, under a name that may be another. */
  static NamedTensor convert(String name, NamedTensor tensor, DType type, Arena arena) {
    DType target = tensor.shape().rank() == 1 ? DType.F32 : type;
    if (target == tensor.dtype()) {
      return new NamedTensor(name, target, tensor.shape(), tensor.data());
    }
    MemorySegment data = arena.allocate(tensor.shape().bytes(target), 64);
    FloatConversion.convert(tensor.dtype(), tensor.data(), target, data);
    return new NamedTensor(name, target, tensor.shape(), data);
  }

  /** In the order in which they were given; valid until this is closed. */
  public Map<String, NamedTensor> byName() {
    return tensors;
  }

  @Override
  public void close() {
    arena.close();
  }
}
