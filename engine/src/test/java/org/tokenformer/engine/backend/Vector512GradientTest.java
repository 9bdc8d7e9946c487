package org.tokenformer.engine.backend;

import org.tokenformer.engine.testing.VectorWidths;

final class Vector512GradientTest extends GradientContract {
  @Override
  Backend open(int threads) {
    return VectorWidths.open(512, threads);
  }
}
