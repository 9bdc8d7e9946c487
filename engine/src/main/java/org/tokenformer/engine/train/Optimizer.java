package org.tokenformer.engine.train;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.AdamW;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/**
 * AdamW (arXiv 1711.05101) over the trained weights of a model, with clipping of the global
 * gradient norm. Weight decay applies to matrices, not to vectors.
 */
public final class Optimizer implements AutoCloseable {
  private final Backend backend;
  private final OptimizerOptions options;
  private final SequencedMap<String, Tensor> weights;
  private final MemoryScope scope;
  private final SequencedMap<String, Tensor> firstMoments = new LinkedHashMap<>();
  private final SequencedMap<String, Tensor> secondMoments = new LinkedHashMap<>();

  /** Creates an optimiser with zero moments for the trained weights of a model. */
  public Optimizer(TrainableModel model, OptimizerOptions options) {
    this.options = options;
    backend = model.backend();
    weights = model.trainedWeights();
    scope = backend.openScope();
    try {
      for (Map.Entry<String, Tensor> weight : weights.entrySet()) {
        firstMoments.put(weight.getKey(), scope.allocate(DType.F32, weight.getValue().shape()));
        secondMoments.put(weight.getKey(), scope.allocate(DType.F32, weight.getValue().shape()));
      }
    } catch (RuntimeException | Error e) {
      scope.close();
      throw e;
    }
  }

  OptimizerOptions options() {
    return options;
  }

  /** Returns the running means of the gradients, by the weight's name. */
  SequencedMap<String, Tensor> firstMoments() {
    return Collections.unmodifiableSequencedMap(firstMoments);
  }

  /** Returns the running means of the squared gradients, by the weight's name. */
  SequencedMap<String, Tensor> secondMoments() {
    return Collections.unmodifiableSequencedMap(secondMoments);
  }

  /**
   * Returns the L2 norm over all tensors together; NaN or infinite if an element is. The order of
   * summation is fixed.
   */
  public double norm(SequencedMap<String, Tensor> tensors) {
    double sum = 0;
    for (Tensor tensor : tensors.values()) {
      sum += backend.sumOfSquares(tensor);
    }
    return Math.sqrt(sum);
  }

  /** Returns the name of the first tensor that contains NaN or an infinity, or null. */
  @Nullable String firstNotFinite(SequencedMap<String, Tensor> tensors) {
    for (Map.Entry<String, Tensor> tensor : tensors.entrySet()) {
      if (!Double.isFinite(backend.sumOfSquares(tensor.getValue()))) {
        return tensor.getKey();
      }
    }
    return null;
  }

  /**
   * Updates the trained weights and the moments.
   *
   * @param step counted from 1
   * @param gradients by the weight's name
   * @param norm of these gradients
   */
  public void step(
      long step, double learningRate, SequencedMap<String, Tensor> gradients, double norm) {
    double scale = norm > options.clip() ? options.clip() / norm : 1;
    AdamW ofMatrices = adamw(step, learningRate, options.weightDecay(), scale);
    AdamW ofVectors = adamw(step, learningRate, 0, scale);
    for (Map.Entry<String, Tensor> weight : weights.entrySet()) {
      String name = weight.getKey();
      boolean matrix = weight.getValue().shape().rank() == 2;
      backend.adamw(
          matrix ? ofMatrices : ofVectors,
          weight.getValue(),
          Objects.requireNonNull(gradients.get(name)),
          Objects.requireNonNull(firstMoments.get(name)),
          Objects.requireNonNull(secondMoments.get(name)));
    }
  }

  private AdamW adamw(long step, double learningRate, double decay, double scale) {
    return new AdamW(
        (float) learningRate,
        (float) options.beta1(),
        (float) options.beta2(),
        (float) options.epsilon(),
        (float) decay,
        step,
        (float) scale);
  }

  @Override
  public void close() {
    scope.close();
  }
}
