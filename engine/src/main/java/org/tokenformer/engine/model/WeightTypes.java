package org.tokenformer.engine.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.tensor.DType;

/** A model's weights in another type. */
public final class WeightTypes {
  private WeightTypes() {}

  /**
   * Matrices in a type. The vectors of layer normalisations are F32 in any case: they are few.
   *
   * @param type F32 or BF16; narrowing rounds to nearest, ties to even
   * @param arena for what has to be converted; the other tensors are views of the given ones
   */
  public static List<NamedTensor> convert(
      Collection<NamedTensor> tensors, DType type, Arena arena) {
    List<NamedTensor> converted = new ArrayList<>();
    for (NamedTensor tensor : tensors) {
      converted.add(convert(tensor.name(), tensor, type, arena));
    }
    return converted;
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
}
