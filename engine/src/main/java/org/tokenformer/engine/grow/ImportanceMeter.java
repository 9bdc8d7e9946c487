package org.tokenformer.engine.grow;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.training.ThetaProbe;

/**
 * Measures the {@link Importance} of a model's parameter tokens, one window at a time. Used by one
 * thread.
 */
public final class ImportanceMeter implements AutoCloseable {
  private final ValueNorms norms;
  private final ThetaProbe probe;
  private final int window;
  private final Map<String, double[]> sums = new HashMap<>(); // Σ|θᵢ| of each Pattention
  private long rows;

  /**
   * Prepares for windows of one size.
   *
   * @param window ids per window, at most the model's context length
   */
  public ImportanceMeter(TokenFormer model, int window) {
    this.window = window;
    norms = ValueNorms.of(model);
    probe = new ThetaProbe(model, 1, window);
  }

  /**
   * Adds the ids of a window; each attends to those before it in the window.
   *
   * @throws java.util.concurrent.CancellationException if cancelled; the window is then partly
   *     counted
   */
  public void accept(int[] ids, @Nullable Cancellation cancellation) {
    probe.run(ids, this::add, cancellation);
    rows += window;
  }

  private void add(int layer, BlockPattention which, float[] thetas, int count) {
    double[] sum =
        sums.computeIfAbsent(TensorNames.pattention(layer, which), _ -> new double[count]);
    for (int t = 0; t < window; t++) {
      for (int n = 0; n < count; n++) {
        sum[n] += Math.abs(thetas[t * count + n]);
      }
    }
  }

  /**
   * Returns the importances measured so far.
   *
   * @throws IllegalStateException if there was no window
   */
  public Importance importance() {
    if (rows == 0) {
      throw new IllegalStateException("no window was measured");
    }
    Map<String, double[]> means = new HashMap<>();
    sums.forEach((pattention, sum) -> {
      float[] norm = norms.of(pattention);
      double[] mean = new double[sum.length];
      for (int n = 0; n < mean.length; n++) {
        mean[n] = sum[n] / rows * norm[n];
      }
      means.put(pattention, mean);
    });
    return new Importance(means);
  }

  @Override
  public void close() {
    probe.close();
  }
}
