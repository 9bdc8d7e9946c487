package org.tokenformer.engine.model.training;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ConvertedWeights;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/**
 * Creates initial weights for training: embedding and keys from N(0, 0.02), values as {@link
 * InitialValues} defines; weight 1 and bias 0 for the last layer normalisation.
 */
public final class RandomWeights {
  /** Standard deviation of embedding and keys. */
  public static final double STANDARD_DEVIATION = 0.02;

  private RandomWeights() {}

  /**
   * Creates a trainable model with random initial weights.
   *
   * @param seed same seed, same weights
   */
  public static TrainableModel trainable(
      TokenFormerConfig config, InitialValues values, long seed, Backend backend) {
    try (Arena arena = Arena.ofConfined()) {
      return new TrainableModel(
          config, create(config, values, WeightType.F32, seed, arena), backend);
    }
  }

  /**
   * Creates initial weights for a configuration.
   *
   * @param values initialisation scale of the values
   * @param type type of the matrices
   * @param seed same seed, same weights
   * @param arena owns the weights
   */
  public static Map<String, NamedTensor> create(
      TokenFormerConfig config, InitialValues values, WeightType type, long seed, Arena arena) {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    double valueDeviation = values.standardDeviation(config);
    Map<String, NamedTensor> tensors = new LinkedHashMap<>();
    for (Map.Entry<String, Shape> entry : TensorNames.shapes(config).entrySet()) {
      String name = entry.getKey();
      Shape shape = entry.getValue();
      MemorySegment floats = arena.allocate(shape.bytes(DType.F32), 64);
      if (shape.rank() == 1) {
        if (name.equals(TensorNames.NORM_WEIGHT)) {
          for (long i = 0; i < shape.elements(); i++) {
            floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
          }
        }
        tensors.put(name, new NamedTensor(name, DType.F32, shape, floats));
        continue;
      }
      boolean isValues = name.endsWith(TensorNames.values(""));
      double deviation = isValues ? valueDeviation : STANDARD_DEVIATION;
      for (long i = 0; i < shape.elements(); i++) {
        float value = (float) (deviation * random.nextGaussian());
        floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
      }
      tensors.put(name, new NamedTensor(name, DType.F32, shape, floats));
    }
    return ConvertedWeights.convert(config, tensors, type, arena);
  }
}
