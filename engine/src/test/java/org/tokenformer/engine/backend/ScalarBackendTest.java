package org.tokenformer.engine.backend;

import org.tokenformer.engine.backend.scalar.ScalarBackend;

final class ScalarBackendTest extends BackendContract {
  @Override
  Backend open(int threads) {
    return new CheckedBackend(new ScalarBackend());
  }
}
