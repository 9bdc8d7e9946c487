package org.tokenformer.engine.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.tensor.DType;

class FloatConversionTest {
  private static short[] allShorts() {
    short[] all = new short[1 << 16];
    for (int i = 0; i < all.length; i++) {
      all[i] = (short) i;
    }
    return all;
  }

  private static float[] toFloats(DType from, MemorySegment source) {
    float[] out = new float[(int) (source.byteSize() / from.bytes())];
    FloatConversion.convert(from, source, DType.F32, MemorySegment.ofArray(out));
    return out;
  }

  private static short[] toShorts(DType from, MemorySegment source, DType to) {
    short[] out = new short[(int) (source.byteSize() / from.bytes())];
    FloatConversion.convert(from, source, to, MemorySegment.ofArray(out));
    return out;
  }

  /** Computes the value of a 16-bit pattern from the definition of its format. */
  private static double value(int bits, int mantissaBits, int bias) {
    int exponentBits = 15 - mantissaBits;
    int exponent = bits >> mantissaBits & (1 << exponentBits) - 1;
    int mantissa = bits & (1 << mantissaBits) - 1;
    double sign = (bits & 0x8000) == 0 ? 1 : -1;
    if (exponent == (1 << exponentBits) - 1) {
      return mantissa == 0 ? sign * Double.POSITIVE_INFINITY : Double.NaN;
    }
    return exponent == 0
        ? sign * Math.scalb((double) mantissa, 1 - bias - mantissaBits)
        : sign
            * Math.scalb((double) (mantissa | 1 << mantissaBits), exponent - bias - mantissaBits);
  }

  @Test
  void widensAllPatternsExactly() {
    short[] all = allShorts();
    float[] halves = toFloats(DType.F16, MemorySegment.ofArray(all));
    float[] brains = toFloats(DType.BF16, MemorySegment.ofArray(all));
    for (int i = 0; i < all.length; i++) {
      assertEquals(value(i, 10, 15), (double) halves[i], "half " + i);
      assertEquals(value(i, 7, 127), (double) brains[i], "bfloat16 " + i);
    }
  }

  @Test
  void narrowingUndoesWidening() {
    short[] all = allShorts();
    for (DType type : new DType[] {DType.F16, DType.BF16}) {
      float[] wide = toFloats(type, MemorySegment.ofArray(all));
      short[] back = toShorts(DType.F32, MemorySegment.ofArray(wide), type);
      for (int i = 0; i < all.length; i++) {
        if (Float.isNaN(wide[i])) {
          float again = toFloats(type, MemorySegment.ofArray(new short[] {back[i]}))[0];
          assertTrue(Float.isNaN(again), type + " NaN " + i);
        } else {
          assertEquals(all[i], back[i], type + " " + i);
        }
      }
    }
  }

  @Test
  void everyNanStaysOne() {
    int[] nans = {0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff, 0x7fc00000, 0x7f80ffff};
    for (int bits : nans) {
      float nan = Float.intBitsToFloat(bits);
      short brain = FloatConversion.floatToBf16(nan);
      assertTrue(Float.isNaN(FloatConversion.bf16ToFloat(brain)), Integer.toHexString(bits));
      assertEquals(bits < 0, brain < 0);
    }
    double[] wide = {Double.NaN, Double.longBitsToDouble(0x7ff0000000000001L)};
    for (DType to : new DType[] {DType.F16, DType.BF16}) {
      short[] narrow = toShorts(DType.F64, MemorySegment.ofArray(wide), to);
      float[] back = toFloats(to, MemorySegment.ofArray(narrow));
      assertTrue(Float.isNaN(back[0]) && Float.isNaN(back[1]));
    }
  }

  @Test
  void roundsToNearestTiesToEven() {
    // Between 1 and the next bfloat16, 1 + 2^-7; and between that and 1 + 2^-6.
    assertEquals(0x3f80, FloatConversion.floatToBf16(1 + 0x1p-8f));
    assertEquals(0x3f81, FloatConversion.floatToBf16(Math.nextUp(1 + 0x1p-8f)));
    assertEquals(0x3f82, FloatConversion.floatToBf16(1 + 3 * 0x1p-8f));
    assertEquals(0x3f81, FloatConversion.floatToBf16(Math.nextDown(1 + 3 * 0x1p-8f)));
    assertEquals(0x7f80, FloatConversion.floatToBf16(Float.MAX_VALUE));
    assertEquals((short) 0xff80, FloatConversion.floatToBf16(-Float.MAX_VALUE));
    assertEquals((short) 0x8000, FloatConversion.floatToBf16(-0f));
    assertEquals(0, FloatConversion.floatToBf16(Float.MIN_VALUE));
  }

  /** Narrowing through float alone would round twice and get ties wrong. */
  @Test
  void roundsDoublesOnce() {
    Random random = Seeds.random();
    for (DType to : new DType[] {DType.F16, DType.BF16}) {
      int mantissaBits = to == DType.F16 ? 10 : 7;
      int bias = to == DType.F16 ? 15 : 127;
      double[] inputs = new double[20_000];
      for (int i = 0; i < inputs.length; i++) {
        int bits = random.nextInt(0x7fff);
        double low = value(bits, mantissaBits, bias);
        double high = value(bits + 1, mantissaBits, bias);
        double middle = (low + high) / 2;
        double x =
            switch (random.nextInt(5)) {
              case 0 -> middle;
              case 1 -> Math.nextUp(middle);
              case 2 -> Math.nextDown(middle);
              case 3 -> low;
              default -> low + random.nextDouble() * (high - low);
            };
        inputs[i] = random.nextBoolean() ? x : -x;
      }
      short[] actual = toShorts(DType.F64, MemorySegment.ofArray(inputs), to);
      for (int i = 0; i < inputs.length; i++) {
        String what = to + " of " + Double.toHexString(inputs[i]);
        if (Double.isFinite(inputs[i])) {
          assertNearest(inputs[i], actual[i], mantissaBits, bias, what);
        } else {
          assertEquals(inputs[i], value(actual[i] & 0xffff, mantissaBits, bias), what);
        }
      }
    }
    double[] extremes = {Double.MIN_VALUE, -Double.MAX_VALUE, 0x1.ffffffp127, 1e-320};
    assertArrayEquals(
        new short[] {0, (short) 0xff80, 0x7f80, 0},
        toShorts(DType.F64, MemorySegment.ofArray(extremes), DType.BF16));
    assertArrayEquals(
        new float[] {0, Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY, 0},
        toFloats(DType.F64, MemorySegment.ofArray(extremes)));
  }

  /** Checks in exact arithmetic that no neighbour is nearer and that ties are rounded to even. */
  private static void assertNearest(
      double input, short bits, int mantissaBits, int bias, String what) {
    int magnitude = bits & 0x7fff;
    assertEquals(Double.doubleToRawLongBits(input) < 0, bits < 0, what);
    double result = value(magnitude, mantissaBits, bias);
    BigDecimal x = new BigDecimal(Math.abs(input));
    if (Double.isInfinite(result)) {
      // Half a step above the largest value is where infinity begins.
      double largest = value(magnitude - 1, mantissaBits, bias);
      double step = largest - value(magnitude - 2, mantissaBits, bias);
      assertTrue(x.compareTo(new BigDecimal(largest + step / 2)) >= 0, what);
      return;
    }
    BigDecimal error = x.subtract(new BigDecimal(result)).abs();
    for (int other : new int[] {magnitude - 1, magnitude + 1}) {
      double neighbour = other < 0 ? Double.NaN : value(other, mantissaBits, bias);
      if (Double.isFinite(neighbour)) {
        int order = error.compareTo(x.subtract(new BigDecimal(neighbour)).abs());
        assertTrue(order < 0 || (order == 0 && (magnitude & 1) == 0), what);
      }
    }
  }

  @Test
  void convertsWhatTorchConverts() throws IOException {
    try (SafetensorsFile golden =
        SafetensorsFile.open(Fixtures.golden("conversions.safetensors"))) {
      for (String from : new String[] {"f64", "f32", "f16", "bf16"}) {
        for (DType to : new DType[] {DType.F32, DType.F16, DType.BF16}) {
          NamedTensor source = golden.tensor(from);
          NamedTensor expected = golden.tensor(from + "_to_" + to.name());
          byte[] out = new byte[(int) expected.data().byteSize()];
          FloatConversion.convert(source.dtype(), source.data(), to, MemorySegment.ofArray(out));
          assertEquals(
              -1, expected.data().mismatch(MemorySegment.ofArray(out)), from + " to " + to);
        }
      }
    }
  }

  @Test
  void takesAnySizeAndAlignment() {
    Random random = Seeds.random();
    for (int count : new int[] {0, 1, 2, 7, 2047, 2048, 2049, 4098}) {
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] = FloatConversion.bf16ToFloat((short) random.nextInt(0x7f80));
      }
      MemorySegment shifted = MemorySegment.ofArray(new byte[2 * count + 1]).asSlice(1);
      FloatConversion.convert(DType.F32, MemorySegment.ofArray(values), DType.BF16, shifted);
      assertArrayEquals(values, toFloats(DType.BF16, shifted));
      assertArrayEquals(values, toFloats(DType.F32, MemorySegment.ofArray(values)));
    }
  }

  @Test
  void refusesOtherTypesAndSizes() {
    MemorySegment eight = MemorySegment.ofArray(new byte[8]);
    MemorySegment six = MemorySegment.ofArray(new byte[6]);
    for (DType[] pair :
        new DType[][] {{DType.I8, DType.F32}, {DType.F32, DType.I8}, {DType.F32, DType.F64}}) {
      assertThrows(
          IllegalArgumentException.class,
          () -> FloatConversion.convert(pair[0], eight, pair[1], eight));
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> FloatConversion.convert(DType.F16, eight, DType.F32, eight));
    assertThrows(
        IllegalArgumentException.class,
        () -> FloatConversion.convert(DType.F32, six, DType.BF16, eight));
  }
}
