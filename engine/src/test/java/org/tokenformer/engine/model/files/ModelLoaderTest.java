package org.tokenformer.engine.model.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;

/** Models of tensors in memory; those of folders are {@link ModelFolderTest}'s. */
final class ModelLoaderTest {
  private static final TokenFormerConfig CONFIG = Models.config(Theta.L2_NORM_GELU);

  @Test
  void aMissingTensorIsNamedAndNothingIsHeld() {
    try (Backend backend = Computing.SCALAR.open();
        Arena arena = Arena.ofConfined()) {
      Map<String, NamedTensor> tensors = tensors(DType.F32, arena);
      tensors.remove(TensorNames.NORM_BIAS);
      AtomicInteger closed = new AtomicInteger();
      long before = HostScope.liveBytes();
      assertMissing(
          () -> ModelLoader.load(CONFIG, tensors, backend, closed::incrementAndGet).close());
      assertMissing(() -> ModelLoader.copy(CONFIG, tensors, backend, Map.of()).close());
      assertEquals(0, closed.get());
      assertEquals(before, HostScope.liveBytes());
    }
  }

  private static void assertMissing(Runnable loading) {
    var e = assertThrows(IllegalArgumentException.class, loading::run);
    assertEquals("tensor norm.bias is missing", e.getMessage());
  }

  @Test
  void viewsKeepTheirTypeAndCopiesAreF32() {
    try (Backend backend = Computing.SCALAR.open();
        Arena arena = Arena.ofConfined()) {
      Map<String, NamedTensor> tensors = tensors(DType.BF16, arena);
      AtomicInteger closed = new AtomicInteger();
      try (TokenFormer view = ModelLoader.load(CONFIG, tensors, backend, closed::incrementAndGet);
          TokenFormer copy = ModelLoader.copy(CONFIG, tensors, backend, Map.of())) {
        assertEquals(DType.BF16, view.network().embedding().dtype());
        assertEquals(DType.F32, copy.network().embedding().dtype());
        assertEquals(TensorNames.shapes(CONFIG).keySet(), view.weights().keySet());
      }
      assertEquals(1, closed.get());
    }
  }

  private static Map<String, NamedTensor> tensors(DType type, Arena arena) {
    return Models.byName(Models.weights(CONFIG, type, new Random(1), arena));
  }
}
