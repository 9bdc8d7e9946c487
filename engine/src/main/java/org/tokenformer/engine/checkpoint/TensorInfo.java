package org.tokenformer.engine.checkpoint;

import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** What a checkpoint says of a tensor, without its elements. */
public sealed interface TensorInfo permits NamedTensor, PendingTensor {
  /** Any text, possibly empty. */
  String name();

  /** Type of the elements. */
  DType dtype();

  /** Sizes, outermost first. */
  Shape shape();
}
