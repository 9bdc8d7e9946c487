package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.BYTES;
import static org.tokenformer.engine.backend.vector.Simd.BYTES_READ;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.HALF_SHORTS;
import static org.tokenformer.engine.backend.vector.Simd.INTS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;
import static org.tokenformer.engine.tensor.Quantized.BLOCK_BYTES;
import static org.tokenformer.engine.tensor.Quantized.BLOCK_INTS;
import static org.tokenformer.engine.tensor.Quantized.GROUP;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import org.tokenformer.engine.tensor.DType;

/**
 * Widens weights of any type to floats, for kernels that support floats only. Weights that many
 * tokens are multiplied by are widened once for all of them.
 */
final class Widening {
  /** Bytes of floats from one nibble of an int to the next. */
  private static final long NIBBLE_STEP = BLOCK_INTS * (long) Float.BYTES;

  private Widening() {}

  /**
   * Widens some columns of some rows.
   *
   * @param from address of the first row's first weight; rows are {@code stride} bytes apart
   * @param scales address of its first scale, {@code scaleStride} bytes from row to row, for types
   *     that have scales
   * @param column first column to widen; for types with scales the start of a group
   * @param to where the floats go, {@code toStride} bytes from row to row
   */
  static void rows(
      DType type,
      long from,
      long stride,
      long scales,
      long scaleStride,
      int rows,
      int column,
      int count,
      long to,
      long toStride) {
    switch (type) {
      case F32 -> {
        for (int i = 0; i < rows; i++) {
          Simd.copy(from + i * stride + 4L * column, to + i * toStride, 4L * count);
        }
      }
      case BF16 -> {
        long bytes = VECTOR_BYTES / 2;
        for (int i = 0; i < rows; i++) {
          bf16(from + i * stride + 2L * column, bytes, count, to + i * toStride, 2 * bytes);
        }
      }
      case I8 -> {
        long bytes = 4L * LANES;
        for (int c = 0; c < count; c += GROUP) {
          int n = Math.min(GROUP, count - c);
          for (int i = 0; i < rows; i++) {
            float scale = Simd.get(scales + i * scaleStride + 4L * ((column + c) / GROUP));
            long target = to + i * toStride + 4L * c;
            i8(from + i * stride + column + c, bytes, scale, n, target, 4 * bytes);
          }
        }
      }
      case I4 -> {
        for (int c = 0; c < count; c += GROUP) {
          int group = (column + c) / GROUP;
          int n = Math.min(GROUP, count - c);
          for (int i = 0; i < rows; i++) {
            float scale = Simd.get(scales + i * scaleStride + 4L * group);
            long block = from + i * stride + group * BLOCK_BYTES;
            long target = to + i * toStride + 4L * c;
            if (n == GROUP) {
              i4(block, scale, target);
            } else {
              i4Partial(block, scale, n, target);
            }
          }
        }
      }
      default ->
          throw new IllegalArgumentException("weights must be F32, BF16, I8 or I4, not " + type);
    }
  }

  private static void bf16(long from, long step, int n, long to, long toStep) {
    int i = 0;
    for (; i <= n - LANES; i += LANES) {
      ((IntVector)
              ShortVector.fromMemorySegment(HALF_SHORTS, ALL, from, LE)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoMemorySegment(ALL, to, LE);
      from += step;
      to += toStep;
    }
    for (; i < n; i++) {
      Simd.set(to, Simd.getBf16(from));
      from += Short.BYTES;
      to += Float.BYTES;
    }
  }

  private static void i8(long from, long step, float scale, int n, long to, long toStep) {
    // As far as a vector may read; at 128 bits it reads more bytes than it has lanes.
    int i = (n - BYTES_READ + LANES) / LANES * LANES;
    long end = from + i - 4L * LANES;
    while (from <= end) {
      ((FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, from, LE)
                  .convertShape(VectorOperators.B2F, FLOATS, 0))
          .mul(scale)
          .intoMemorySegment(ALL, to, LE);
      ((FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, from + LANES, LE)
                  .convertShape(VectorOperators.B2F, FLOATS, 0))
          .mul(scale)
          .intoMemorySegment(ALL, to + VECTOR_BYTES, LE);
      ((FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, from + 2L * LANES, LE)
                  .convertShape(VectorOperators.B2F, FLOATS, 0))
          .mul(scale)
          .intoMemorySegment(ALL, to + 2 * VECTOR_BYTES, LE);
      ((FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, from + 3L * LANES, LE)
                  .convertShape(VectorOperators.B2F, FLOATS, 0))
          .mul(scale)
          .intoMemorySegment(ALL, to + 3 * VECTOR_BYTES, LE);
      from += step;
      to += toStep;
    }
    end += 3L * LANES;
    while (from <= end) {
      ((FloatVector)
              ByteVector.fromMemorySegment(BYTES, ALL, from, LE)
                  .convertShape(VectorOperators.B2F, FLOATS, 0))
          .mul(scale)
          .intoMemorySegment(ALL, to, LE);
      from += LANES;
      to += VECTOR_BYTES;
    }
    for (; i < n; i++) {
      Simd.set(to, Simd.getByte(from) * scale);
      from++;
      to += Float.BYTES;
    }
  }

  /** Widens a whole block. */
  private static void i4(long block, float scale, long to) {
    for (int lane = 0; lane < BLOCK_INTS; lane += LANES) {
      IntVector packed = IntVector.fromMemorySegment(INTS, ALL, block + 4L * lane, LE);
      long target = to + 4L * lane;
      for (int shift = 28; shift >= 0; shift -= 4) {
        ((FloatVector)
                packed
                    .lanewise(VectorOperators.LSHL, shift)
                    .lanewise(VectorOperators.ASHR, 28)
                    .convertShape(VectorOperators.I2F, FLOATS, 0))
            .mul(scale)
            .intoMemorySegment(ALL, target, LE);
        target += NIBBLE_STEP;
      }
    }
  }

  private static void i4Partial(long block, float scale, int n, long to) {
    for (int i = 0; i < n; i++) {
      Simd.set(to + 4L * i, nibble(block, i) * scale);
    }
  }

  /** Returns the i-th integer of a block. */
  static int nibble(long block, int i) {
    int packed = Simd.getInt(block + 4L * (i % BLOCK_INTS));
    return packed << (28 - i / BLOCK_INTS * 4) >> 28;
  }
}
