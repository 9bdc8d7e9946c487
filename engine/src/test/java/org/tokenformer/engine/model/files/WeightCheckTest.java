package org.tokenformer.engine.model.files;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** Detects a single non-finite number anywhere, and accepts extreme but finite ones. */
final class WeightCheckTest {
  private static final int[] SIZES = {1, 2, 3, 4, 5, 7, 8, 9, 63, 1025, 4096, 4097, 9001};

  private static long[] bad(DType dtype) {
    return switch (dtype) {
      case F64 ->
          new long[] {0x7FF0L << 48, 0xFFF0L << 48, 0x7FF8L << 48, 0x7FF0000000000001L, -1L};
      case F32 -> new long[] {0x7F800000L, 0xFF800000L, 0x7FC00000L, 0x7F800001L, 0xFFFFFFFFL};
      case BF16 -> new long[] {0x7F80, 0xFF80, 0x7FC0, 0x7F81, 0xFFFF};
      default -> new long[] {0x7C00, 0xFC00, 0x7E00, 0x7C01, 0xFFFF};
    };
  }

  /** The largest numbers of both signs, the smallest, and minus zero. */
  private static long[] extreme(DType dtype) {
    return switch (dtype) {
      case F64 -> new long[] {0x7FEFFFFFFFFFFFFFL, 0xFFEFFFFFFFFFFFFFL, 1, 1L << 63};
      case F32 -> new long[] {0x7F7FFFFFL, 0xFF7FFFFFL, 1, 1L << 31};
      case BF16 -> new long[] {0x7F7F, 0xFF7F, 1, 0x8000};
      default -> new long[] {0x7BFF, 0xFBFF, 1, 0x8000};
    };
  }

  private static void set(MemorySegment data, DType dtype, int index, long bits) {
    for (int b = 0; b < dtype.bytes(); b++) {
      long at = (long) index * dtype.bytes() + b;
      data.set(ValueLayout.JAVA_BYTE, at, (byte) (bits >>> (8 * b)));
    }
  }

  private static List<String> check(MemorySegment data, DType dtype, int size) {
    return WeightCheck.notFinite(List.of(new NamedTensor("w", dtype, Shape.of(size), data)));
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F64", "F32", "BF16", "F16"})
  void oneBadNumberAnywhere(DType dtype) {
    long[] extremes = extreme(dtype);
    try (Arena arena = Arena.ofConfined()) {
      for (int size : SIZES) {
        for (int shift : new int[] {0, 1, 2, 7}) { // unaligned data too
          MemorySegment data =
              arena
                  .allocate((long) size * dtype.bytes() + shift, 64)
                  .asSlice(shift, (long) size * dtype.bytes());
          for (int i = 0; i < size; i++) {
            set(data, dtype, i, extremes[i % extremes.length]);
          }
          assertEquals(List.of(), check(data, dtype, size));
          for (int at : new TreeSet<>(List.of(0, size / 2, Math.max(0, size - 2), size - 1))) {
            for (long bits : bad(dtype)) {
              set(data, dtype, at, bits);
              assertEquals(List.of("w"), check(data, dtype, size), dtype + " at " + at);
            }
            set(data, dtype, at, extremes[at % extremes.length]);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      mode = Mode.EXCLUDE,
      names = {"F64", "F32", "BF16", "F16", "I4"})
  void integersAreAlwaysNumbers(DType dtype) {
    byte[] bytes = new byte[3 * dtype.bytes()];
    Arrays.fill(bytes, (byte) -1);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
      assertEquals(List.of(), check(data, dtype, 3));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F64", "F32", "BF16", "F16"})
  void noNumbersAtAll(DType dtype) {
    assertEquals(List.of(), check(MemorySegment.ofArray(new byte[0]), dtype, 0));
  }
}
