package org.tokenformer.engine.backend;

import org.tokenformer.engine.testing.VectorWidths;

final class Vector256BackendTest extends BackendContract {
  @Override
  Backend open(int threads) {
    return VectorWidths.open(256, threads);
  }
}
