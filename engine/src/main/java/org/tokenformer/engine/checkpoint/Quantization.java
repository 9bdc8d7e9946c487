package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.tensor.Quantized.BLOCK_BYTES;
import static org.tokenformer.engine.tensor.Quantized.BLOCK_INTS;
import static org.tokenformer.engine.tensor.Quantized.GROUP;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Quantized;
import org.tokenformer.engine.tensor.Shape;

/**
 * Quantises floats to 8 or 4 bits and back, in the layout of {@link Quantized}.
 *
 * <p>I8 uses the scale that maps the largest weight of a group to ±127. For I4 that is too coarse:
 * several scales around it are tried, each is refined to the least-squares fit of the integers it
 * gives, and the one with the smallest squared error is used.
 */
public final class Quantization {
  private static final int MAX_I8 = 127;
  private static final int MAX_I4 = 7;
  private static final int MIN_I4 = -8;

  /** The magnitude to which the first and the last scale tried map the largest weight. */
  private static final float FIRST_TARGET = 8.5f;

  private static final float LAST_TARGET = 5.5f;
  private static final float TARGET_STEP = 0.25f;

  private Quantization() {}

  /**
   * Quantises a matrix.
   *
   * @param floats (N, C) F32
   * @param to I8 or I4
   * @param elements receives the integers
   * @param scales receives the scales, F32 (N, groups); NaN or infinite if a weight of the group is
   */
  public static void quantize(
      Shape shape, MemorySegment floats, DType to, MemorySegment elements, MemorySegment scales) {
    int columns = Math.toIntExact(shape.size(1));
    long groups = Quantized.groups(columns);
    float[] row = new float[columns];
    byte[] integers = new byte[GROUP];
    for (long r = 0; r < shape.size(0); r++) {
      MemorySegment.copy(floats, Segments.FLOAT, r * columns * Float.BYTES, row, 0, columns);
      for (int g = 0; g < groups; g++) {
        int from = g * GROUP;
        int count = Math.min(GROUP, columns - from);
        float scale;
        if (to == DType.I8) {
          scale = Math.abs(extreme(row, from, count)) / MAX_I8;
          round(row, from, count, scale, -MAX_I8, MAX_I8, integers);
          long target = r * columns + from;
          MemorySegment.copy(integers, 0, elements, ValueLayout.JAVA_BYTE, target, count);
        } else {
          scale = bestScale(row, from, count, integers);
          round(row, from, count, scale, MIN_I4, MAX_I4, integers);
          writeBlock(integers, count, elements, (r * groups + g) * BLOCK_BYTES);
        }
        scales.set(Segments.FLOAT, (r * groups + g) * Float.BYTES, scale);
      }
    }
  }

  /** Returns the weight of the largest magnitude, with its sign; NaN if one is NaN. */
  private static float extreme(float[] row, int from, int count) {
    float largest = 0;
    for (int i = from; i < from + count; i++) {
      if (Float.isNaN(row[i])) {
        return Float.NaN;
      }
      if (Math.abs(row[i]) > Math.abs(largest)) {
        largest = row[i];
      }
    }
    return largest;
  }

  private static void round(
      float[] row, int from, int count, float scale, int min, int max, byte[] integers) {
    float inverse = scale == 0 ? 0 : 1 / scale;
    for (int i = 0; i < count; i++) {
      float nearest = (float) Math.rint(row[from + i] * inverse);
      integers[i] = (byte) Math.max(min, Math.min(max, nearest));
    }
  }

  private static float bestScale(float[] row, int from, int count, byte[] integers) {
    float extreme = extreme(row, from, count);
    if (extreme == 0 || !Float.isFinite(extreme)) {
      return extreme; // NaN and infinite weights are detected by their scale
    }
    float best = 0;
    double leastError = Double.POSITIVE_INFINITY;
    for (float target = FIRST_TARGET; target >= LAST_TARGET; target -= TARGET_STEP) {
      for (int sign = -1; sign <= 1; sign += 2) {
        float scale = extreme / (sign * target);
        round(row, from, count, scale, MIN_I4, MAX_I4, integers);
        double dot = 0;
        double square = 0;
        for (int i = 0; i < count; i++) {
          dot += row[from + i] * integers[i];
          square += integers[i] * integers[i];
        }
        // With the scale dot/square the error is Σw² − dot²/square.
        double error = -dot * dot / square;
        if (error < leastError) {
          leastError = error;
          best = (float) (dot / square);
        }
      }
    }
    return best;
  }

  private static void writeBlock(byte[] integers, int count, MemorySegment elements, long at) {
    for (int lane = 0; lane < BLOCK_INTS; lane++) {
      int packed = 0;
      for (int i = lane; i < count; i += BLOCK_INTS) {
        packed |= (integers[i] & 0xF) << (i / BLOCK_INTS * 4);
      }
      elements.set(Segments.INT, at + (long) lane * Integer.BYTES, packed);
    }
  }

  /**
   * Dequantises a matrix.
   *
   * @param from I8 or I4
   * @param floats receives the weights, (N, C) F32
   */
  public static void dequantize(
      Shape shape, DType from, MemorySegment elements, MemorySegment scales, MemorySegment floats) {
    long columns = shape.size(1);
    long groups = Quantized.groups(columns);
    long rowBytes = from.rowBytes(columns);
    for (long r = 0; r < shape.size(0); r++) {
      for (long c = 0; c < columns; c++) {
        float scale = scales.get(Segments.FLOAT, (r * groups + c / GROUP) * Float.BYTES);
        int integer;
        if (from == DType.I8) {
          integer = elements.get(ValueLayout.JAVA_BYTE, r * rowBytes + c);
        } else {
          long at = c / GROUP * BLOCK_BYTES + c % BLOCK_INTS * Integer.BYTES;
          int shift = 28 - (int) (c % GROUP / BLOCK_INTS) * 4;
          integer = elements.get(Segments.INT, r * rowBytes + at) << shift >> 28;
        }
        floats.set(Segments.FLOAT, (r * columns + c) * Float.BYTES, scale * integer);
      }
    }
  }
}
