package org.tokenformer.engine.model.files;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.TensorInfo;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Quantized;
import org.tokenformer.engine.tensor.Shape;

/**
 * How files store {@link Quantized} matrices: the elements under the matrix's name, I8 as an I8
 * tensor and I4 as a U8 tensor whose rows are the blocks, and the scales as a separate tensor.
 */
final class QuantizedTensors {
  private QuantizedTensors() {}

  /** Returns the name of a matrix's scales, F32 (N, groups per row). */
  static String scales(String name) {
    return name + ".scales";
  }

  /** Returns the type in a file. */
  static DType stored(DType type) {
    return type == DType.I4 ? DType.U8 : type;
  }

  /** Returns the shape in a file of a matrix of this shape. */
  static Shape stored(DType type, Shape shape) {
    return type == DType.I4 ? Shape.of(shape.size(0), type.rowBytes(shape.size(1))) : shape;
  }

  static Shape scales(Shape shape) {
    return Shape.of(shape.size(0), Quantized.groups(shape.size(1)));
  }

  /** Returns I8 or I4 if the tensor's type stands for one of them, otherwise null. */
  static @Nullable DType type(TensorInfo tensor) {
    return switch (tensor.dtype()) {
      case I8 -> DType.I8;
      case U8 -> DType.I4;
      default -> null;
    };
  }
}
