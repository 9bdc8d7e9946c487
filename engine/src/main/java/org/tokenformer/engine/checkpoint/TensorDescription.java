package org.tokenformer.engine.checkpoint;

import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/**
 * A tensor whose data has not been loaded.
 *
 * @param name any text
 * @param dtype type of the elements
 * @param shape sizes, outermost first
 */
record TensorDescription(String name, DType dtype, Shape shape) implements TensorInfo {}
