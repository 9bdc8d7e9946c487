package org.tokenformer.engine.model.files;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** Tensors of files in the memory of a backend. */
public record Weights(Backend backend) {
  /** How a tensor comes there. */
  public interface Loader {
    /**
     * One tensor.
     *
     * @param tensors of the file, by name
     * @param shape that it has in the model
     */
    Tensor load(MemoryScope scope, Map<String, NamedTensor> tensors, String name, Shape shape);
  }

  /** Matrices stay of the type that they have if it can be computed with; all else becomes F32. */
  public Tensor view(
      MemoryScope scope, Map<String, NamedTensor> tensors, String name, Shape shape) {
    NamedTensor tensor = get(tensors, name);
    NamedTensor scales = tensors.get(QuantizedTensors.scales(name));
    if (scales != null) {
      DType type = Objects.requireNonNull(QuantizedTensors.type(tensor));
      return scope
          .adopt(tensor.data(), type, shape)
          .withScales(scope.adopt(scales.data(), scales.dtype(), scales.shape()));
    }
    boolean matrix = shape.rank() == 2;
    if (tensor.dtype() == DType.F32 || (tensor.dtype() == DType.BF16 && matrix)) {
      return scope.adopt(tensor.data(), tensor.dtype(), shape);
    }
    return copy(scope, tensors, name, shape);
  }

  /** A copy in F32 of a tensor of floats. */
  public Tensor copy(
      MemoryScope scope, Map<String, NamedTensor> tensors, String name, Shape shape) {
    NamedTensor tensor = get(tensors, name);
    Tensor copy = scope.allocate(DType.F32, shape);
    if (tensor.dtype() == DType.F32) {
      backend.upload(tensor.data(), copy);
      return copy;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = arena.allocate(copy.byteSize(), 64);
      FloatConversion.convert(tensor.dtype(), tensor.data(), DType.F32, floats);
      backend.upload(floats, copy);
    }
    return copy;
  }

  private static NamedTensor get(Map<String, NamedTensor> tensors, String name) {
    @Nullable NamedTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("tensor " + name + " is missing");
    }
    return tensor;
  }
}
