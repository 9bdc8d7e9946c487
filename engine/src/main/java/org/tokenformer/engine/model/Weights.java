package org.tokenformer.engine.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/** Tensors of files in the memory of a backend. */
record Weights(Backend backend) {
  /** Matrices stay F32 or BF16, where they lie if that can be; all else becomes F32. */
  Tensor view(MemoryScope scope, NamedTensor tensor) {
    boolean matrix = tensor.shape().rank() == 2;
    if (tensor.dtype() == DType.F32 || (tensor.dtype() == DType.BF16 && matrix)) {
      return scope.adopt(tensor.data(), tensor.dtype(), tensor.shape());
    }
    return copy(scope, tensor);
  }

  /** A copy in F32. */
  Tensor copy(MemoryScope scope, NamedTensor tensor) {
    Tensor copy = scope.allocate(DType.F32, tensor.shape());
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
}
