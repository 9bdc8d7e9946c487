package org.tokenformer.engine.checkpoint;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.tensor.DType;

/** The classes that denote element types in torch's pickles: {@code torch.FloatStorage} … */
final class TorchStorage {
  private TorchStorage() {}

  static String className(DType dtype) {
    return switch (dtype) {
      case F64 -> "DoubleStorage";
      case F32 -> "FloatStorage";
      case F16 -> "HalfStorage";
      case BF16 -> "BFloat16Storage";
      case I64 -> "LongStorage";
      case I32 -> "IntStorage";
      case I16 -> "ShortStorage";
      case I8 -> "CharStorage";
      case U8 -> "ByteStorage";
      case BOOL -> "BoolStorage";
      case I4 -> throw new IllegalArgumentException("torch has no storage class for " + dtype);
    };
  }

  /**
   * Returns the type of a class in the module {@code torch}, or null if it is none of the above.
   */
  static @Nullable DType dtype(String className) {
    for (DType dtype : DType.values()) {
      if (dtype.isInFiles() && className(dtype).equals(className)) {
        return dtype;
      }
    }
    return null;
  }
}
