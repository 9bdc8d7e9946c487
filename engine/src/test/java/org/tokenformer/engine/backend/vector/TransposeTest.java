package org.tokenformer.engine.backend.vector;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class TransposeTest {
  private static final float SCALE = 0.5f;

  /** Transposes one block out of place and in place; memory around it must not change. */
  @Test
  void rowsBecomeColumns() {
    try (Arena arena = Arena.ofConfined()) {
      int lanes = Simd.LANES;
      long stride = 4L * (lanes + 3);
      long from = arena.allocate(lanes * stride, 64).address();
      long to = arena.allocate(lanes * stride, 64).address();
      for (int i = 0; i < lanes * (lanes + 3); i++) {
        Simd.set(from + 4L * i, i + 1);
      }
      Transpose.block(from, stride, SCALE, to, stride);
      Transpose.block(from, stride, SCALE, from, stride);
      for (int row = 0; row < lanes; row++) {
        for (int lane = 0; lane < lanes + 3; lane++) {
          boolean inside = lane < lanes;
          float before = (inside ? lane * (lanes + 3) + row : row * (lanes + 3) + lane) + 1;
          long at = row * stride + 4L * lane;
          assertEquals(inside ? SCALE * before : 0, Simd.get(to + at));
          assertEquals(inside ? SCALE * before : before, Simd.get(from + at));
        }
      }
    }
  }
}
