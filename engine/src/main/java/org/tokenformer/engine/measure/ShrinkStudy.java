package org.tokenformer.engine.measure;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.grow.Importance;
import org.tokenformer.engine.grow.ImportanceMeter;
import org.tokenformer.engine.grow.ShrinkPlan;
import org.tokenformer.engine.grow.Shrinking;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.train.TokenSource;

/**
 * Measures the cost of removing parameter tokens from a model: its loss on given data if it keeps
 * the most important ones, and if it keeps random ones. Windows are those of {@link Evaluator}.
 * Used by one thread.
 */
public final class ShrinkStudy {
  /** Number of random choices whose losses are averaged. */
  public static final int DRAWS = 3;

  private static final long SEED = 1;

  private final Map<String, NamedTensor> weights;
  private final TokenFormer model;
  private final TokenSource data;

  /**
   * Creates a study of one model on one data source.
   *
   * @param folder the model's folder, open
   * @throws ModelFormatException if the weights are quantised
   * @throws org.tokenformer.engine.train.DataTooShortException if the data are shorter than a
   *     window
   */
  public ShrinkStudy(ModelFolder folder, TokenFormer model, TokenSource data)
      throws ModelFormatException {
    data.requireWindow(model.config().contextLength());
    weights = folder.floatTensors();
    this.model = model;
    this.data = data;
  }

  /**
   * Measures the importance of each parameter token on all whole windows of the data.
   *
   * @throws java.util.concurrent.CancellationException if cancelled, as do the methods below
   */
  public Importance importance(@Nullable Cancellation cancellation) {
    int window = model.config().contextLength();
    int[] ids = new int[window];
    try (ImportanceMeter meter = new ImportanceMeter(model, window)) {
      for (long from = 0; from < data.size() - window; from += window) {
        data.read(from, ids, 0, window);
        meter.accept(ids, cancellation);
      }
      return meter.importance();
    }
  }

  /** Returns the loss of the unchanged model, in nats. */
  public double loss(@Nullable Cancellation cancellation) {
    return Evaluator.loss(model, data, cancellation);
  }

  /** Returns the loss of a smaller model, in nats. */
  public double loss(ShrinkPlan plan, @Nullable Cancellation cancellation) {
    try (TokenFormer smaller = Shrinking.open(weights, plan, model.backend())) {
      return Evaluator.loss(smaller, data, cancellation);
    }
  }

  /** Returns the mean loss of {@link #DRAWS} models that keep random tokens, by fixed seeds. */
  public double randomLoss(List<LayerSizes> sizes, @Nullable Cancellation cancellation) {
    double sum = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
      sum += loss(ShrinkPlan.random(model.config(), sizes, SEED + draw), cancellation);
    }
    return sum / DRAWS;
  }

  /**
   * Returns sizes that go in equal steps from {@code from}, exclusive, to {@code to}, inclusive.
   */
  public static List<List<LayerSizes>> intermediateSizes(
      List<LayerSizes> from, List<LayerSizes> to, int steps) {
    List<List<LayerSizes>> path = new ArrayList<>();
    for (int step = 1; step <= steps; step++) {
      List<LayerSizes> sizes = new ArrayList<>();
      for (int layer = 0; layer < from.size(); layer++) {
        LayerSizes a = from.get(layer);
        LayerSizes b = to.get(layer);
        sizes.add(
            new LayerSizes(
                between(a.qkv(), b.qkv(), step, steps),
                between(a.proj(), b.proj(), step, steps),
                between(a.ffn(), b.ffn(), step, steps)));
      }
      path.add(sizes);
    }
    return path;
  }

  private static int between(int from, int to, int step, int steps) {
    return from + Math.toIntExact(Math.round((double) (to - from) * step / steps));
  }
}
