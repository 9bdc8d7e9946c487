package org.tokenformer.engine.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.ParameterTokens.Segment;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The weights of a model in a backend's memory, and the parameter tokens that each Pattention
 * computes with: the model's own, of which the first may be frozen and the last left out, followed
 * by attached ones.
 *
 * @param own the configuration of the model itself; determines every τ
 * @param config the configuration in use: {@code own} with the prefix and attached tokens applied
 * @param byName every tensor that {@link TensorNames#shapes} lists for {@code own}, in its order
 * @param prefix fraction of the model's own parameter tokens
 * @param attached keys and values of some Pattentions by name, one map per origin
 * @param frozenRows the number of leading rows of a weight that training does not change, by the
 *     weight's name; 0 if absent
 */
public record ModelWeights(
    TokenFormerConfig own,
    TokenFormerConfig config,
    SequencedMap<String, Tensor> byName,
    TokenFraction prefix,
    List<Map<String, Tensor>> attached,
    Map<String, Long> frozenRows) {
  /** Makes the collections unmodifiable. */
  public ModelWeights {
    byName = Collections.unmodifiableSequencedMap(byName);
    attached = List.copyOf(attached);
  }

  Tensor get(String name) {
    return required(byName, name);
  }

  private static Tensor required(Map<String, Tensor> tensors, String name) {
    return Objects.requireNonNull(tensors.get(name), name);
  }

  /** Creates one Pattention of a layer, with its parameter tokens as segments. */
  Pattention pattention(int layer, BlockPattention which) {
    String name = TensorNames.pattention(layer, which);
    List<Segment> segments = ownSegments(name);
    for (Map<String, Tensor> tokens : attached) {
      @Nullable Tensor keys = tokens.get(TensorNames.keys(name));
      if (keys != null) {
        segments.add(Segment.of(keys, required(tokens, TensorNames.values(name))));
      }
    }
    return new Pattention(new ParameterTokens(own.theta(), own.tau(layer, which), segments));
  }

  private List<Segment> ownSegments(String pattention) {
    Tensor keys = get(TensorNames.keys(pattention));
    Tensor values = get(TensorNames.values(pattention));
    long used = prefix.of(Math.toIntExact(keys.rows()));
    long frozen = Math.min(used, frozenRows.getOrDefault(TensorNames.keys(pattention), 0L));
    List<Segment> segments = new ArrayList<>();
    if (frozen > 0) {
      segments.add(new Segment(keys, values, frozen, false));
    }
    if (frozen < used) {
      long rest = used - frozen;
      segments.add(Segment.of(keys.rows(frozen, rest), values.rows(frozen, rest)));
    }
    return segments;
  }
}
