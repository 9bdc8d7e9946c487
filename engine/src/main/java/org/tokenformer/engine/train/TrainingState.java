package org.tokenformer.engine.train;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.grow.GrownWeights;
import org.tokenformer.engine.grow.Growth;
import org.tokenformer.engine.model.training.Backpropagation;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A model with its training state: activations, gradients and moments. Closing it frees all of
 * them.
 */
final class TrainingState implements AutoCloseable {
  private final TrainableModel model;
  private final Backpropagation backpropagation;
  private final Optimizer optimizer;

  /** Creates a state with zero moments. If this fails, the model stays open. */
  TrainingState(TrainableModel model, TrainingShape shape, OptimizerOptions options) {
    this.model = model;
    backpropagation = new Backpropagation(model, shape);
    try {
      optimizer = new Optimizer(model, options);
    } catch (RuntimeException | Error e) {
      backpropagation.close();
      throw e;
    }
  }

  TrainableModel model() {
    return model;
  }

  Backpropagation backpropagation() {
    return backpropagation;
  }

  Optimizer optimizer() {
    return optimizer;
  }

  /**
   * Returns the state after a growth and closes this one. Weights and moments of old rows are
   * carried over; weights that are frozen from then on have no moments.
   *
   * @param seed for the new rows
   */
  TrainingState grown(Growth growth, TrainingOptions options, long seed) {
    GrowthOptions growing = options.growth();
    boolean onlyNew = growing.trainsOnlyNew(growth.after());
    Backend backend = model.backend();
    TrainableModel next;
    try (Arena arena = Arena.ofConfined()) {
      Map<String, NamedTensor> weights = download(model.model().weights(), backend, arena);
      try (var grown = new GrownWeights(growth, weights, growing.values(), seed)) {
        next = new TrainableModel(growth.after(), grown.byName(), backend, onlyNew);
      }
    }
    Runnable undo = next::close;
    try {
      backpropagation.close(); // frees its memory before the new one allocates
      TrainingState grown = new TrainingState(next, options.shape(), optimizer.options());
      undo = grown::close;
      if (!onlyNew) {
        Growth.carryOver(optimizer.firstMoments(), grown.optimizer.firstMoments(), backend);
        Growth.carryOver(optimizer.secondMoments(), grown.optimizer.secondMoments(), backend);
      }
      close();
      return grown;
    } catch (RuntimeException | Error e) {
      undo.run();
      throw e;
    }
  }

  private static Map<String, NamedTensor> download(
      SequencedMap<String, Tensor> weights, Backend backend, Arena arena) {
    Map<String, NamedTensor> downloaded = new LinkedHashMap<>();
    for (Map.Entry<String, Tensor> weight : weights.entrySet()) {
      Tensor tensor = weight.getValue();
      MemorySegment data = arena.allocate(tensor.byteSize(), 64);
      backend.download(tensor, data);
      String name = weight.getKey();
      downloaded.put(name, new NamedTensor(name, tensor.dtype(), tensor.shape(), data));
    }
    return downloaded;
  }

  @Override
  public void close() {
    backpropagation.close();
    optimizer.close();
    model.close();
  }
}
