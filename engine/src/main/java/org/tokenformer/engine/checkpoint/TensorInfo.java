package org.tokenformer.engine.checkpoint;

import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** The description of a tensor in a checkpoint, without its elements. */
public sealed interface TensorInfo permits NamedTensor, PendingTensor, TensorDescription {
  /** Returns the name: any text, possibly empty. */
  String name();

  /** Returns the type of the elements. */
  DType dtype();

  /** Returns the sizes, outermost first. */
  Shape shape();
}
