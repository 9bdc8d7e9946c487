package org.tokenformer.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import org.tokenformer.engine.tensor.DType;

/**
 * Bulk conversion between the floating-point types. Widening is exact. Narrowing rounds once, to
 * nearest with ties to even as IEEE 754 does, even if the code narrows in two steps. NaN stays NaN.
 */
public final class FloatConversion {
  /** Elements per chunk: source and target of a chunk stay in the L1 cache. */
  private static final int CHUNK = 2048;

  private FloatConversion() {}

  /**
   * Converts all elements of a segment.
   *
   * @param from type of the source
   * @param source elements, at any alignment
   * @param to {@code F32}, {@code F16} or {@code BF16}
   * @param target space for the same number of elements, not overlapping the source
   * @throws IllegalArgumentException for other types, or if the sizes do not match
   */
  public static void convert(DType from, MemorySegment source, DType to, MemorySegment target) {
    if (!from.isFloat() || !to.isFloat() || to == DType.F64) {
      throw new IllegalArgumentException("cannot convert " + from + " to " + to);
    }
    long count = source.byteSize() / from.bytes();
    if (source.byteSize() % from.bytes() != 0
        || target.byteSize() % to.bytes() != 0
        || target.byteSize() / to.bytes() != count) {
      throw new IllegalArgumentException(
          "%d bytes of %s do not match %d bytes of %s"
              .formatted(source.byteSize(), from, target.byteSize(), to));
    }
    if (from == to) {
      MemorySegment.copy(source, 0, target, 0, source.byteSize());
      return;
    }
    float[] chunk = new float[(int) Math.min(CHUNK, count)];
    for (long at = 0; at < count; at += CHUNK) {
      int n = (int) Math.min(CHUNK, count - at);
      load(from, source.asSlice(at * from.bytes(), (long) n * from.bytes()), to, chunk, n);
      store(chunk, to, target.asSlice(at * to.bytes(), (long) n * to.bytes()), n);
    }
  }

  private static void load(DType from, MemorySegment source, DType to, float[] out, int n) {
    switch (from) {
      case F32 -> MemorySegment.copy(source, Segments.FLOAT, 0, out, 0, n);
      case F16 -> {
        for (int i = 0; i < n; i++) {
          out[i] = Float.float16ToFloat(source.get(Segments.SHORT, 2L * i));
        }
      }
      case BF16 -> {
        for (int i = 0; i < n; i++) {
          out[i] = bf16ToFloat(source.get(Segments.SHORT, 2L * i));
        }
      }
      default -> {
        for (int i = 0; i < n; i++) {
          double x = source.get(Segments.DOUBLE, 8L * i);
          out[i] = to == DType.F32 ? (float) x : roundToOdd(x);
        }
      }
    }
  }

  private static void store(float[] in, DType to, MemorySegment target, int n) {
    switch (to) {
      case F16 -> {
        for (int i = 0; i < n; i++) {
          target.set(Segments.SHORT, 2L * i, Float.floatToFloat16(in[i]));
        }
      }
      case BF16 -> {
        for (int i = 0; i < n; i++) {
          target.set(Segments.SHORT, 2L * i, floatToBf16(in[i]));
        }
      }
      default -> MemorySegment.copy(in, 0, target, Segments.FLOAT, 0, n);
    }
  }

  /** Returns the value of bfloat16 bits; exact. */
  public static float bf16ToFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** Returns the nearest bfloat16, ties to even; overflow gives infinity. */
  public static short floatToBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int rounded = bits + 0x7fff + (bits >>> 16 & 1);
    // Rounding could carry a NaN into infinity or zero: truncate it and set the quiet bit instead.
    boolean nan = (bits & 0x7fffffff) > 0x7f800000;
    return (short) ((nan ? bits | 0x400000 : rounded) >>> 16);
  }

  /**
   * Rounds to a float such that rounding it again to a shorter type equals rounding the double
   * once: an inexact result is the neighbour with an odd last bit, so no tie of a shorter type lies
   * between it and the double. See Boldo and Melquiond, "Emulation of FMA and correctly rounded
   * sums" (2008).
   */
  private static float roundToOdd(double x) {
    float nearest = (float) x;
    boolean exact = nearest == x || Double.isNaN(x) || Float.isInfinite(nearest);
    int bits = Float.floatToRawIntBits(nearest);
    if (exact || (bits & 1) == 1) {
      return nearest;
    }
    // Towards the double: away from zero if the float's magnitude is too small.
    boolean away = Math.abs(x) > Math.abs((double) nearest);
    return Float.intBitsToFloat(away ? bits + 1 : bits - 1);
  }
}
