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

/** What fired in every Pattention of a model while it read a text. */
public final class Firings {
  /** Cells of a strip at most, and at least where a text is long and a model deep. */
  private static final int MAX_CELLS = 64;

  private static final int MIN_CELLS = 16;

  /** Cells of all strips that a page has room for. */
  private static final int ROOM = 1_200_000;

  private final int tokens;
  private final List<FiringStrip> strips = new ArrayList<>();

  private Firings(int tokens) {
    this.tokens = tokens;
  }

  /**
   * Runs a model over a text.
   *
   * @param ids at most as many as the model's context
   * @throws java.util.concurrent.CancellationException if cancelled
   */
  public static Firings of(TokenFormer model, int[] ids, Cancellation cancellation) {
    Origins origins = Origins.of(model.config());
    ValueNorms norms = ValueNorms.of(model);
    int pattentions = model.config().layers().size() * BlockPattention.values().length;
    int room = ROOM / pattentions / ids.length;
    int cells = Math.clamp(room, MIN_CELLS, MAX_CELLS);
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

  /** Tokens of the text: rows of each strip but the last, which is of all of them. */
  int tokens() {
    return tokens;
  }

  /** Layer after layer, in the order of {@link BlockPattention}. */
  List<FiringStrip> strips() {
    return strips;
  }

  /** The mean over all Pattentions of the fraction of a row's strength that growth brought in. */
  double later(int row) {
    return strips.stream().mapToDouble(strip -> strip.later(row)).average().orElse(0);
  }

  /** Parameter tokens of each stage, from 0 on. */
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
