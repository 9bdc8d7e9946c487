package org.tokenformer.cli;

import java.util.Locale;
import org.tokenformer.engine.tensor.DType;

/** The types of weights and caches that options offer. */
enum FloatType {
  F32,
  BF16;

  DType dtype() {
    return DType.valueOf(name());
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
