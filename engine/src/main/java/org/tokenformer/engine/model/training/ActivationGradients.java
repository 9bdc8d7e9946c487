package org.tokenformer.engine.model.training;

import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Gradients of activations, (T, C) each. All blocks use the same memory: each block overwrites what
 * the block after it no longer needs.
 *
 * @param stream gradient of the residual stream; a block adds the gradients that flow through its
 *     branches
 */
record ActivationGradients(
    Tensor stream, Tensor normed, Tensor attended, Tensor query, Tensor key, Tensor value) {
  static ActivationGradients allocate(MemoryScope scope, Shape shape) {
    return new ActivationGradients(
        scope.allocate(DType.F32, shape),
        scope.allocate(DType.F32, shape),
        scope.allocate(DType.F32, shape),
        scope.allocate(DType.F32, shape),
        scope.allocate(DType.F32, shape),
        scope.allocate(DType.F32, shape));
  }
}
