package org.tokenformer.engine.model.files;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.Quantization;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Quantized;
import org.tokenformer.engine.tensor.Shape;

/** A model's weights, converted to another type. */
public final class ConvertedWeights implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final SequencedMap<String, NamedTensor> tensors;

  /**
   * Converts all weights immediately.
   *
   * @param weights as {@link ModelFolder#tensors} returns them; must stay open as long as this
   *     object, since those that need no conversion are views of them
   * @param type the target type; narrowing to BF16 rounds to nearest, ties to even
   */
  public ConvertedWeights(
      TokenFormerConfig config, Map<String, NamedTensor> weights, WeightType type) {
    tensors = convert(config, weights, type, arena);
  }

  /**
   * Converts all weights into memory of the caller.
   *
   * @param arena holds the weights that need conversion
   */
  public static SequencedMap<String, NamedTensor> convert(
      TokenFormerConfig config, Map<String, NamedTensor> weights, WeightType type, Arena arena) {
    SequencedMap<String, NamedTensor> converted = new LinkedHashMap<>();
    TensorNames.shapes(config)
        .forEach((name, shape) -> {
          DType target = shape.rank() == 1 ? DType.F32 : type.of(name);
          NamedTensor tensor = Objects.requireNonNull(weights.get(name));
          NamedTensor scales = weights.get(QuantizedTensors.scales(name));
          if (scales != null && QuantizedTensors.type(tensor) == target) {
            put(converted, tensor);
            put(converted, scales);
          } else if (!Quantized.is(target)) {
            put(converted, toFloats(shape, tensor, scales, target, arena));
          } else {
            quantize(name, shape, tensor, scales, target, arena, converted);
          }
        });
    return converted;
  }

  private static void put(Map<String, NamedTensor> to, NamedTensor tensor) {
    to.put(tensor.name(), tensor);
  }

  private static NamedTensor toFloats(
      Shape shape, NamedTensor tensor, @Nullable NamedTensor scales, DType target, Arena arena) {
    if (scales == null) {
      return convert(tensor.name(), tensor, target, arena);
    }
    if (target == DType.F32) {
      return dequantized(shape, tensor, scales, arena);
    }
    try (Arena temporary = Arena.ofConfined()) {
      NamedTensor floats = dequantized(shape, tensor, scales, temporary);
      return convert(tensor.name(), floats, target, arena);
    }
  }

  private static NamedTensor dequantized(
      Shape shape, NamedTensor tensor, NamedTensor scales, Arena arena) {
    DType type = Objects.requireNonNull(QuantizedTensors.type(tensor));
    MemorySegment floats = arena.allocate(shape.bytes(DType.F32), 64);
    Quantization.dequantize(shape, type, tensor.data(), scales.data(), floats);
    return new NamedTensor(tensor.name(), DType.F32, shape, floats);
  }

  private static void quantize(
      String name,
      Shape shape,
      NamedTensor tensor,
      @Nullable NamedTensor scales,
      DType target,
      Arena arena,
      Map<String, NamedTensor> to) {
    MemorySegment elements = arena.allocate(shape.bytes(target), 64);
    Shape scaleShape = QuantizedTensors.scales(shape);
    MemorySegment factors = arena.allocate(scaleShape.bytes(DType.F32), 64);
    try (Arena temporary = Arena.ofConfined()) {
      NamedTensor floats = toFloats(shape, tensor, scales, DType.F32, temporary);
      Quantization.quantize(shape, floats.data(), target, elements, factors);
    }
    Shape stored = QuantizedTensors.stored(target, shape);
    put(to, new NamedTensor(name, QuantizedTensors.stored(target), stored, elements));
    put(to, new NamedTensor(QuantizedTensors.scales(name), DType.F32, scaleShape, factors));
  }

  /** Converts a floating-point tensor and renames it; a vector becomes F32 whatever the type. */
  static NamedTensor convert(String name, NamedTensor tensor, DType type, Arena arena) {
    DType target = tensor.shape().rank() == 1 ? DType.F32 : type;
    if (target == tensor.dtype()) {
      return new NamedTensor(name, target, tensor.shape(), tensor.data());
    }
    MemorySegment data = arena.allocate(tensor.shape().bytes(target), 64);
    FloatConversion.convert(tensor.dtype(), tensor.data(), target, data);
    return new NamedTensor(name, target, tensor.shape(), data);
  }

  /**
   * Returns the tensors by name, in the form in which files store them; valid until this is closed.
   */
  public Map<String, NamedTensor> byName() {
    return tensors;
  }

  @Override
  public void close() {
    arena.close();
  }
}
