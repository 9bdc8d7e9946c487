package org.tokenformer.engine.testing;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.Quantization;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Quantized;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** Writes and reads the elements of tensors in tests. */
public final class Tensors {
  private Tensors() {}

  /** Whether elements are aligned to their size, which files do not guarantee. */
  public static boolean isAligned(NamedTensor tensor) {
    return tensor.data().maxByteAlignment() >= tensor.dtype().bytes();
  }

  /** Returns normally distributed numbers. */
  public static float[] random(Random random, int count, double scale) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextGaussian() * scale);
    }
    return values;
  }

  /**
   * Returns a tensor of these numbers. BF16 keeps the upper halves, so the numbers should be exact;
   * quantised types round to nearest.
   */
  public static Tensor of(
      Backend backend, MemoryScope scope, DType dtype, float[] values, long... shape) {
    Tensor tensor = scope.allocate(dtype, Shape.of(shape));
    if (Quantized.is(dtype)) {
      return quantized(backend, scope, tensor, values);
    }
    set(backend, tensor, values);
    return tensor;
  }

  private static Tensor quantized(
      Backend backend, MemoryScope scope, Tensor tensor, float[] values) {
    Shape groups = Shape.of(tensor.rows(), Quantized.groups(tensor.columns()));
    Tensor scales = scope.allocate(DType.F32, groups);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
      MemorySegment elements = arena.allocate(tensor.byteSize(), 64);
      MemorySegment factors = arena.allocate(scales.byteSize(), 64);
      Quantization.quantize(tensor.shape(), floats, tensor.dtype(), elements, factors);
      backend.upload(elements, tensor);
      backend.upload(factors, scales);
    }
    return tensor.withScales(scales);
  }

  /** Replaces all elements of a tensor. */
  public static void set(Backend backend, Tensor tensor, float[] values) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(tensor.byteSize(), 8);
      for (int i = 0; i < values.length; i++) {
        if (tensor.dtype() == DType.BF16) {
          short half = (short) (Float.floatToRawIntBits(values[i]) >>> 16);
          segment.setAtIndex(ValueLayout.JAVA_SHORT, i, half);
        } else {
          segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, values[i]);
        }
      }
      backend.upload(segment, tensor);
    }
  }

  /** Returns all elements of a tensor. */
  public static float[] get(Backend backend, Tensor tensor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(tensor.byteSize(), 8);
      backend.download(tensor, segment);
      Tensor scales = tensor.scales();
      if (scales != null) {
        MemorySegment factors = arena.allocate(scales.byteSize(), 8);
        backend.download(scales, factors);
        MemorySegment floats = arena.allocate(tensor.shape().bytes(DType.F32), 8);
        Quantization.dequantize(tensor.shape(), tensor.dtype(), segment, factors, floats);
        return floats.toArray(ValueLayout.JAVA_FLOAT);
      }
      float[] values = new float[(int) tensor.shape().elements()];
      for (int i = 0; i < values.length; i++) {
        values[i] =
            tensor.dtype() == DType.BF16
                ? Float.intBitsToFloat(segment.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16)
                : segment.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      }
      return values;
    }
  }

  /** Returns the arrays one after another. */
  public static float[] concat(List<float[]> arrays) {
    float[] joined = new float[arrays.stream().mapToInt(array -> array.length).sum()];
    int at = 0;
    for (float[] array : arrays) {
      System.arraycopy(array, 0, joined, at, array.length);
      at += array.length;
    }
    return joined;
  }

  /** Truncates numbers to BF16. */
  public static float[] bf16(float[] values) {
    float[] truncated = new float[values.length];
    for (int i = 0; i < truncated.length; i++) {
      truncated[i] = Float.intBitsToFloat(Float.floatToRawIntBits(values[i]) & 0xFFFF0000);
    }
    return truncated;
  }
}
