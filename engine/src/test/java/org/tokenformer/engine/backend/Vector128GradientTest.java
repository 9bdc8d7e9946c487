package org.tokenformer.engine.backend;

import org.tokenformer.engine.testing.VectorWidths;

final class Vector128GradientTest extends GradientContract {
  @Override
  Backend open(int threads) {
    return VectorWidths.open(128, threads);
  }
}
