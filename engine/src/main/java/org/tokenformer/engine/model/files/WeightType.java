package org.tokenformer.engine.model.files;

import java.util.Locale;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Quantized;

/**
 * What the weights of a model are stored as. The vectors of layer normalisations are F32 in any
 * case: they are few.
 */
public enum WeightType {
  /** 32 bits, what training has. */
  F32,
  /** The upper half of those. */
  BF16,
  /** {@linkplain Quantized Quantised} to 8 bits, 8.25 with the scales. */
  Q8,
  /**
   * Parameter tokens quantised to 4 bits, 4.25 with the scales; embedding and head to 8, since
   * every token's way begins and ends there.
   */
  Q4;

  /** The type of one matrix. */
  DType of(String name) {
    return switch (this) {
      case F32 -> DType.F32;
      case BF16 -> DType.BF16;
      case Q8 -> DType.I8;
      case Q4 -> TensorNames.isParameterTokens(name) ? DType.I4 : DType.I8;
    };
  }

  /** As {@code bf16}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
