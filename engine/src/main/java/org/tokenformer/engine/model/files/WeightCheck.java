package org.tokenformer.engine.model.files;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.tensor.DType;

/** Finds NaN and infinite weights: a single one makes all output of a model meaningless. */
public final class WeightCheck {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int BLOCK = 1 << 13;

  private WeightCheck() {}

  /** Rejects tensors with NaN or infinite weights, naming the first one. */
  static void refuseNotFinite(Path file, Collection<NamedTensor> tensors)
      throws ModelFormatException {
    List<String> bad = notFinite(tensors);
    if (!bad.isEmpty()) {
      throw new ModelFormatException(
          "%s: tensor %s%s holds NaN or infinite weights: the model is damaged; use another copy"
              .formatted(
                  file,
                  bad.getFirst(),
                  bad.size() == 1 ? "" : " and " + (bad.size() - 1) + " more"));
    }
  }

  /** Returns the names of the tensors with NaN or infinite weights. */
  public static List<String> notFinite(Collection<NamedTensor> tensors) {
    List<String> names = new ArrayList<>();
    for (NamedTensor tensor : tensors) {
      if (!isFinite(tensor)) {
        names.add(tensor.name());
      }
    }
    return names;
  }

  /**
   * Checks eight bytes at a time, without a branch per number: if all exponent bits are set, adding
   * one at the lowest of them carries into the sign bit, which is masked out beforehand.
   */
  private static boolean isFinite(NamedTensor tensor) {
    long exponent =
        switch (tensor.dtype()) {
          case F64 -> 0x7FF0000000000000L;
          case F32 -> 0x7F8000007F800000L;
          case BF16 -> 0x7F807F807F807F80L;
          case F16 -> 0x7C007C007C007C00L;
          default -> 0;
        };
    if (exponent == 0) {
      return true;
    }
    long lowest = exponent & -exponent;
    int bits = 8 * tensor.dtype().bytes();
    for (int shift = bits; shift < Long.SIZE; shift += bits) {
      lowest |= lowest << bits;
    }
    MemorySegment data = tensor.data();
    long size = data.byteSize();
    long whole = size / Long.BYTES * Long.BYTES;
    long[] block = new long[(int) Math.min(BLOCK, whole) / Long.BYTES];
    for (long start = 0; start < whole; start += BLOCK) {
      int count = (int) Math.min(BLOCK, whole - start) / Long.BYTES;
      MemorySegment.copy(data, LONG, start, block, 0, count);
      if (carries(block, count, exponent, lowest)) {
        return false;
      }
    }
    return tailIsFinite(tensor.dtype(), data, whole, exponent);
  }

  /**
   * Uses an array because that is fast even before JIT compilation: most programs load one model.
   */
  private static boolean carries(long[] block, int count, long exponent, long lowest) {
    long signs = (exponent << 1) & ~exponent; // the sign bits, above each exponent
    long carried = 0;
    for (int i = 0; i < count; i++) {
      carried |= (block[i] & exponent) + lowest;
    }
    return (carried & signs) != 0;
  }

  private static boolean tailIsFinite(DType dtype, MemorySegment data, long from, long exponent) {
    for (long i = from; i < data.byteSize(); i += dtype.bytes()) {
      long value = 0;
      for (int b = 0; b < dtype.bytes(); b++) {
        value |= (data.get(ValueLayout.JAVA_BYTE, i + b) & 0xFFL) << (8 * b);
      }
      long mask = exponent & (-1L >>> (Long.SIZE - 8 * dtype.bytes()));
      if ((value & mask) == mask) {
        return false;
      }
    }
    return true;
  }
}
