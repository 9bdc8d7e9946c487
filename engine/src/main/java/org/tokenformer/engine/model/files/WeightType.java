package org.tokenformer.engine.model.files;

import java.util.Locale;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Quantized;

/**
 * The type in which the weights of a model are stored. The vectors of layer normalisations are
 * always F32, since they are small.
 */
public enum WeightType {
  /** 32-bit floats, as in training. */
  F32,
  /** 16 bits: the upper half of F32. */
  BF16,
  /** {@linkplain Quantized Quantised} to 8 bits, 8.25 with the scales. */
  Q8,
  /**
   * Parameter tokens quantised to 4 bits, 4.25 with the scales; embedding and head to 8, since
   * every token passes through them.
   */
  Q4;

  /** Returns the element type of a matrix. */
  DType of(String name) {
    return switch (this) {
      case F32 -> DType.F32;
      case BF16 -> DType.BF16;
      case Q8 -> DType.I8;
      case Q4 -> TensorNames.isParameterTokens(name) ? DType.I4 : DType.I8;
    };
  }

  /** Returns the name in lower case, such as {@code bf16}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
