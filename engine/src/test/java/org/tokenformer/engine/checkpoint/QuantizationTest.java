package org.tokenformer.engine.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Quantized;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

final class QuantizationTest {
  private final Arena arena = Arena.ofConfined();

  /** A quantised matrix and the floats it represents. */
  private record Result(MemorySegment elements, MemorySegment scales, MemorySegment back) {
    float[] floats() {
      return back.toArray(ValueLayout.JAVA_FLOAT);
    }

    float scale(int row, int group, int groups) {
      return scales.getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * groups + group);
    }
  }

  @AfterEach
  void free() {
    arena.close();
  }

  private Result quantize(DType type, int rows, int columns, float... values) {
    Shape shape = Shape.of(rows, columns);
    MemorySegment floats = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
    MemorySegment elements = arena.allocate(shape.bytes(type), 64);
    MemorySegment scales = arena.allocate(4L * rows * Quantized.groups(columns), 64);
    Quantization.quantize(shape, floats, type, elements, scales);
    MemorySegment back = arena.allocate(floats.byteSize(), 64);
    Quantization.dequantize(shape, type, elements, scales, back);
    return new Result(elements, scales, back);
  }

  @Test
  void eightBitsRoundToTheNearestStep() {
    Random random = Seeds.random("QuantizationTest.eightBits");
    for (int columns : new int[] {1, 127, 128, 129, 300}) {
      float[] values = Tensors.random(random, 3 * columns, 0.5);
      Result result = quantize(DType.I8, 3, columns, values);
      float[] back = result.floats();
      int groups = (int) Quantized.groups(columns);
      for (int i = 0; i < values.length; i++) {
        float scale = result.scale(i / columns, i % columns / Quantized.GROUP, groups);
        assertEquals(values[i], back[i], 0.5001 * scale, "weight " + i);
      }
    }
  }

  @Test
  void fourBitsLoseLessThanTheLargestWeightsStepWould() {
    Random random = Seeds.random("QuantizationTest.fourBits");
    for (int columns : new int[] {1, 7, 128, 300}) {
      float[] values = Tensors.random(random, 5 * columns, 0.5);
      float[] back = quantize(DType.I4, 5, columns, values).floats();
      double error = 0;
      double naive = 0;
      double rounding = 0; // of the scale, a float
      for (int row = 0; row < 5; row++) {
        for (int from = 0; from < columns; from += Quantized.GROUP) {
          int end = Math.min(columns, from + Quantized.GROUP);
          float most = 0;
          for (int c = from; c < end; c++) {
            most = Math.max(most, Math.abs(values[row * columns + c]));
          }
          for (int c = from; c < end; c++) {
            float value = values[row * columns + c];
            double rounded = Math.rint(value / most * 7) * most / 7;
            naive += Math.pow(value - rounded, 2);
            rounding += Math.pow(value * 0x1p-23, 2);
            error += Math.pow(value - back[row * columns + c], 2);
          }
        }
      }
      assertTrue(error <= naive + rounding, columns + " columns: " + error + " against " + naive);
      assertTrue(columns == 1 || error > 0);
    }
  }

  @Test
  void whatFitsIsExact() {
    float[] values = new float[300];
    for (int i = 0; i < values.length; i++) {
      values[i] = (i % 16 - 8) * 0.125f;
    }
    float[] back = quantize(DType.I4, 1, 300, values).floats();
    for (int i = 0; i < values.length; i++) {
      assertEquals(values[i], back[i], 1e-7, "weight " + i);
    }
  }

  /** The layout is a format: these bytes must mean the same for ever. */
  @Test
  void bytesOfTheLayout() {
    float[] values = new float[130];
    values[0] = -8;
    values[1] = 7;
    values[16] = 1;
    values[127] = -1;
    values[128] = -8;
    values[129] = 2;
    Result four = quantize(DType.I4, 1, 130, values);
    assertEquals(128, four.elements().byteSize());
    assertEquals(1, four.scale(0, 0, 2), 1e-6);
    assertEquals(0x18, four.elements().get(ValueLayout.JAVA_INT, 0)); // weights 16, 0
    assertEquals(0x07, four.elements().get(ValueLayout.JAVA_INT, 4)); // weight 1
    assertEquals(0xF0000000, four.elements().get(ValueLayout.JAVA_INT, 60)); // weight 127
    assertEquals(0x08, four.elements().get(ValueLayout.JAVA_INT, 64));
    assertEquals(0x02, four.elements().get(ValueLayout.JAVA_INT, 68));
    Result eight = quantize(DType.I8, 1, 130, values);
    assertEquals(130, eight.elements().byteSize());
    assertEquals(-127, eight.elements().get(ValueLayout.JAVA_BYTE, 0));
    assertEquals(111, eight.elements().get(ValueLayout.JAVA_BYTE, 1));
    assertEquals(8f / 127, eight.scale(0, 1, 2), 1e-6);
  }

  @Test
  void zerosStayZeros() {
    for (DType type : new DType[] {DType.I8, DType.I4}) {
      for (float value : quantize(type, 2, 130, new float[260]).floats()) {
        assertEquals(0, value);
      }
    }
  }

  @Test
  void whatIsNoNumberShowsInTheScale() {
    for (DType type : new DType[] {DType.I8, DType.I4}) {
      for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
        float[] values = new float[260];
        values[150] = bad;
        values[151] = 1;
        Result result = quantize(type, 2, 130, values);
        assertTrue(Float.isFinite(result.scale(0, 0, 2)));
        assertFalse(Float.isFinite(result.scale(1, 0, 2)), type + " of " + bad);
      }
    }
  }
}
