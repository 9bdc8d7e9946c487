package org.tokenformer.engine.grow;

import java.lang.foreign.Arena;
import java.util.Collections;
import java.util.Map;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.training.InitialValues;

/**
 * The weights of a model after a growth. Closing it frees the new tensors; further calls do
 * nothing.
 */
public final class GrownWeights implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Map<String, NamedTensor> byName;

  /**
   * Applies a growth to weights.
   *
   * @param weights every tensor of the model before; unchanged ones are not copied
   * @param values initialisation scale of new values
   * @param seed same seed, same weights
   */
  public GrownWeights(
      Growth growth, Map<String, NamedTensor> weights, InitialValues values, long seed) {
    try {
      byName = Collections.unmodifiableMap(growth.weights(weights, values, seed, arena));
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /** Returns every tensor of the model after the growth, in the order of its file. */
  public Map<String, NamedTensor> byName() {
    return byName;
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
