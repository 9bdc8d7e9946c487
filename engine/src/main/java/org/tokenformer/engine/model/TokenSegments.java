package org.tokenformer.engine.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.ParameterTokens.Segment;
import org.tokenformer.engine.model.training.TrainedWeights;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The parameter tokens of each Pattention as segments: those of the model, of which the first may
 * be frozen or the last left out, and behind them attached ones.
 */
final class TokenSegments {
  private final TokenFormerConfig own;
  private final Map<String, Tensor> weights;
  private final TrainedWeights trained;
  private final TokenShare prefix;
  private final List<Map<String, Tensor>> attached = new ArrayList<>();
  private long bytes;

  /**
   * Of a model.
   *
   * @param own its configuration, with all of its own tokens
   * @param weights by name
   */
  TokenSegments(
      TokenFormerConfig own,
      Map<String, Tensor> weights,
      TrainedWeights trained,
      TokenShare prefix) {
    this.own = own;
    this.weights = weights;
    this.trained = trained;
    this.prefix = prefix;
  }

  /** Adds keys and values of some Pattentions, by name, behind all others. */
  public void attach(Map<String, Tensor> tokens) {
    attached.add(tokens);
  }

  /** Makes one of a layer. */
  public Pattention pattention(int layer, BlockPattention which) {
    String name = TensorNames.pattention(layer, which);
    Tensor keys = Objects.requireNonNull(weights.get(TensorNames.keys(name)));
    Tensor values = Objects.requireNonNull(weights.get(TensorNames.values(name)));
    long used = prefix.of(Math.toIntExact(keys.rows()));
    long frozen = Math.min(used, trained.firstRow(TensorNames.keys(name)));
    List<Segment> segments = new ArrayList<>();
    if (frozen > 0) {
      segments.add(new Segment(keys, values, frozen, false));
    }
    if (frozen < used) {
      long rest = used - frozen;
      segments.add(Segment.of(keys.rows(frozen, rest), values.rows(frozen, rest)));
    }
    for (Map<String, Tensor> tokens : attached) {
      Tensor more = tokens.get(TensorNames.keys(name));
      if (more != null) {
        Tensor theirs = Objects.requireNonNull(tokens.get(TensorNames.values(name)));
        segments.add(Segment.of(more, theirs));
      }
    }
    for (Segment segment : segments) {
      bytes += segment.keys().rows(0, segment.rows()).totalBytes();
      bytes += segment.values().rows(0, segment.rows()).totalBytes();
    }
    return new Pattention(new ParameterTokens(own.theta(), own.tau(layer, which), segments));
  }

  /** Bytes of all that were made. */
  public long bytes() {
    return bytes;
  }
}
