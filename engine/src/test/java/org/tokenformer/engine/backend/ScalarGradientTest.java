package org.tokenformer.engine.backend;

import org.tokenformer.engine.backend.scalar.ScalarBackend;

final class ScalarGradientTest extends GradientContract {
  @Override
  Backend open(int threads) {
    return new CheckedBackend(new ScalarBackend());
  }
}
