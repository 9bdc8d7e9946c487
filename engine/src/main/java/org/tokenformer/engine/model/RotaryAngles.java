package org.tokenformer.engine.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** The rotation angles of queries and keys (arXiv 2104.09864), for all positions. */
final class RotaryAngles {
  private RotaryAngles() {}

  /** Returns the table, computed in double precision and rounded once. */
  static RotaryTable table(TokenFormerConfig config, Backend backend, MemoryScope scope) {
    int half = config.rotaryDimensions() / 2;
    Shape shape = Shape.of(config.contextLength(), half);
    Tensor cosine = scope.allocate(DType.F32, shape);
    Tensor sine = scope.allocate(DType.F32, shape);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment cosines = arena.allocate(cosine.byteSize(), 64);
      MemorySegment sines = arena.allocate(sine.byteSize(), 64);
      for (int i = 0; i < half; i++) {
        double frequency = Math.pow(config.rotaryBase(), -2.0 * i / config.rotaryDimensions());
        for (int position = 0; position < config.contextLength(); position++) {
          long index = (long) position * half + i;
          double angle = position * frequency;
          cosines.setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) Math.cos(angle));
          sines.setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) Math.sin(angle));
        }
      }
      backend.upload(cosines, cosine);
      backend.upload(sines, sine);
    }
    return new RotaryTable(cosine, sine);
  }
}
