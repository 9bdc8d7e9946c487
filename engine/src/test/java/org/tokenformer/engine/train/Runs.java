package org.tokenformer.engine.train;

import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.RandomWeights;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Tensors;

/** Small runs. */
final class Runs {
  static final TokenFormerConfig CONFIG = Models.config(Theta.L2_NORM_GELU);

  private Runs() {}

  /** Returns ids most of which are determined by the preceding id. */
  static int[] pattern(int count, long seed) {
    Random random = new Random(seed);
    int[] ids = new int[count];
    for (int i = 1; i < count; i++) {
      ids[i] =
          random.nextInt(10) == 0 ? random.nextInt(Models.IDS) : ids[i - 1] * 7 % Models.IDS + 1;
      ids[i] %= Models.IDS;
    }
    return ids;
  }

  static TrainingOptions options(int steps, int accumulate, double dropout) {
    return new TrainingOptions(
        new Schedule(steps, Math.min(steps, 3), 1e-2, 1e-3),
        new TrainingShape(3, 16, false),
        accumulate,
        OptimizerOptions.defaults(),
        dropout,
        7);
  }

  static TrainableModel model(Backend backend) {
    try (Arena arena = Arena.ofConfined()) {
      return new TrainableModel(
          CONFIG,
          RandomWeights.create(CONFIG, InitialValues.SCALED, WeightType.F32, 5, arena),
          backend);
    }
  }

  static Map<String, float[]> weights(TokenFormer model) {
    Map<String, float[]> values = new LinkedHashMap<>();
    for (Map.Entry<String, Tensor> weight : model.weights().entrySet()) {
      values.put(weight.getKey(), Tensors.get(model.backend(), weight.getValue()));
    }
    return values;
  }
}
