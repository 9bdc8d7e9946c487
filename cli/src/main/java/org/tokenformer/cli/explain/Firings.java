package org.tokenformer.cli.explain;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.tokenformer.engine.grow.ValueNorms;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.training.ThetaProbe;

/** The activations of all Pattentions of a model for one text. */
public final class Firings {
  /** Maximum and, for long texts and deep models, minimum number of cells per strip. */
  private static final int MAX_CELLS = 64;

  private static final int MIN_CELLS = 16;

  /** Approximate number of cells, over all strips and rows, that a page may have. */
  private static final int MAX_PAGE_CELLS = 1_200_000;

  private final int tokens;
  private final List<FiringStrip> strips = new ArrayList<>();

  private Firings(int tokens) {
    this.tokens = tokens;
  }

  /**
   * Runs a model over a text.
   *
   * @param ids at most as many as the context length
   * @throws java.util.concurrent.CancellationException if cancelled
   */
  public static Firings of(TokenFormer model, int[] ids, Cancellation cancellation) {
    Origins origins = Origins.of(model.config());
    ValueNorms norms = ValueNorms.of(model);
    int pattentions = model.config().layers().size() * BlockPattention.values().length;
    int perStrip = MAX_PAGE_CELLS / pattentions / ids.length;
    int cells = Math.clamp(perStrip, MIN_CELLS, MAX_CELLS);
    Firings firings = new Firings(ids.length);
    try (ThetaProbe probe = new ThetaProbe(model, 1, ids.length)) {
      probe.run(
          ids,
          (layer, which, thetas, count) -> {
            float[] norm = norms.of(TensorNames.pattention(layer, which));
            int[] stages =
                IntStream.range(0, count).map(n -> origins.stageOf(layer, which, n)).toArray();
            firings.strips.add(new FiringStrip(thetas, ids.length, count, norm, stages, cells));
          },
          cancellation);
    }
    return firings;
  }

  /** Returns the number of tokens; each strip has one more row, for the whole text. */
  int tokens() {
    return tokens;
  }

  /** Returns the strips of all layers in order, each in the order of {@link BlockPattention}. */
  List<FiringStrip> strips() {
    return strips;
  }

  /**
   * Returns the fraction of a row's strength contributed by grown tokens, averaged over all
   * Pattentions.
   */
  double grownFraction(int row) {
    return strips.stream().mapToDouble(strip -> strip.grownFraction(row)).average().orElse(0);
  }

  /** Returns the number of parameter tokens of each growth stage, starting with stage 0. */
  long[] perStage() {
    int last =
        strips.stream()
            .flatMapToInt(strip -> IntStream.range(0, strip.count()).map(strip::stageOf))
            .max()
            .orElse(0);
    long[] counts = new long[last + 1];
    for (FiringStrip strip : strips) {
      for (int n = 0; n < strip.count(); n++) {
        counts[strip.stageOf(n)]++;
      }
    }
    return counts;
  }
}
