package org.tokenformer.engine.model.training;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.ParameterGradients;
import org.tokenformer.engine.backend.ParameterGradients.Segment;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.PerPattention;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** Accumulators of the gradients: an F32 tensor for each trained weight. */
final class Gradients {
  private final SequencedMap<String, Tensor> byName = new LinkedHashMap<>();
  private final List<PerPattention<ParameterGradients>> blocks = new ArrayList<>();
  private final boolean tiedHead;

  Gradients(TokenFormerConfig config, TrainedWeights trained, MemoryScope scope) {
    tiedHead = config.tiedHead();
    for (Map.Entry<String, Shape> entry : trained.shapes().entrySet()) {
      byName.put(entry.getKey(), scope.allocate(DType.F32, entry.getValue()));
    }
    for (int layer = 0; layer < config.layers().size(); layer++) {
      blocks.add(pattentions(layer, trained));
    }
  }

  private PerPattention<ParameterGradients> pattentions(int layer, TrainedWeights trained) {
    return PerPattention.of(which -> pattention(layer, which, trained));
  }

  /** Mirrors the segments of the model's tokens: first the frozen ones, if there are any. */
  private ParameterGradients pattention(int layer, BlockPattention which, TrainedWeights trained) {
    String name = TensorNames.pattention(layer, which);
    List<Segment> segments = new ArrayList<>();
    if (trained.firstRow(TensorNames.keys(name)) > 0) {
      segments.add(Segment.FROZEN);
    }
    Tensor keys = byName.get(TensorNames.keys(name));
    if (keys != null) {
      segments.add(new Segment(keys, byName.get(TensorNames.values(name))));
    }
    return new ParameterGradients(segments);
  }

  SequencedMap<String, Tensor> byName() {
    return Collections.unmodifiableSequencedMap(byName);
  }

  PerPattention<ParameterGradients> block(int layer) {
    return blocks.get(layer);
  }

  /** Returns the embedding's, (V, C); null if it is not trained, as for the methods below. */
  @Nullable Tensor embedding() {
    return byName.get(TensorNames.EMBEDDING);
  }

  /** Returns the output head's, (V, C); the embedding's if tied. */
  @Nullable Tensor head() {
    return tiedHead ? embedding() : byName.get(TensorNames.HEAD);
  }

  /** Returns that of the last normalisation's weight, (C). */
  @Nullable Tensor normWeight() {
    return byName.get(TensorNames.NORM_WEIGHT);
  }

  /** Returns that of the last normalisation's bias, (C). */
  @Nullable Tensor normBias() {
    return byName.get(TensorNames.NORM_BIAS);
  }
}
