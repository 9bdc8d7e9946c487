package org.tokenformer.engine.model.files;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.TensorInfo;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Quantized;
import org.tokenformer.engine.tensor.Shape;

/**
 * How files hold {@link Quantized} matrices: the elements under the matrix's name, I8 as a tensor
 * of I8 and I4 as one of U8 whose rows are the blocks, and beside them the scales.
 */
final class QuantizedTensors {
  private QuantizedTensors() {}

  /** The name of a matrix's scales, F32 (N, groups of a row). */
  static String scales(String name) {
    return name + ".scales";
  }

  /** The type in a file. */
  static DType stored(DType type) {
    return type == DType.I4 ? DType.U8 : type;
  }

  /** The shape in a file of a matrix of that shape. */
  static Shape stored(DType type, Shape shape) {
    return type == DType.I4 ? Shape.of(shape.size(0), type.rowBytes(shape.size(1))) : shape;
  }

  static Shape scales(Shape shape) {
    return Shape.of(shape.size(0), Quantized.groups(shape.size(1)));
  }

  /** I8 or I4 if that is what the tensor's type stands for, else null. */
  static @Nullable DType type(TensorInfo tensor) {
    return switch (tensor.dtype()) {
      case I8 -> DType.I8;
      case U8 -> DType.I4;
      default -> null;
    };
  }
}
