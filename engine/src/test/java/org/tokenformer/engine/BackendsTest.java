package org.tokenformer.engine;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.backend.vector.VectorBackend;
import org.tokenformer.engine.model.ConfigException;

/** Which vector widths may be asked for. */
final class BackendsTest {
  @Test
  void widerVectorsThanTheMachinesAreRefused() {
    List<Integer> widths = List.of(128, 256);
    ConfigException e =
        assertThrows(ConfigException.class, () -> Backends.checkWidth("512", widths));
    assertEquals(
        "tokenformer.vector.bits must be 128 or 256 on this machine, not 512", e.getMessage());
    assertEquals("tokenformer.vector.bits", e.field());
    assertDoesNotThrow(() -> Backends.checkWidth("256", widths));
    assertDoesNotThrow(() -> Backends.checkWidth(null, widths));
  }

  @ParameterizedTest
  @ValueSource(strings = {"64", "1024", "abc", "", "256 "})
  void otherWidthsAreRefused(String bits) {
    String before = System.getProperty(VectorBackend.WIDTH_PROPERTY);
    System.setProperty(VectorBackend.WIDTH_PROPERTY, bits);
    try {
      for (String name : List.of("vector", "auto")) {
        ConfigException e = assertThrows(ConfigException.class, () -> Backends.open(name, 1));
        assertEquals("tokenformer.vector.bits", e.field());
        assertEquals(bits, e.value());
      }
    } finally {
      if (before == null) {
        System.clearProperty(VectorBackend.WIDTH_PROPERTY);
      } else {
        System.setProperty(VectorBackend.WIDTH_PROPERTY, before);
      }
    }
  }
}
