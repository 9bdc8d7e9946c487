package org.tokenformer.engine.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.ParameterGradients;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** Where the gradients of all weights are added up: for each an F32 tensor of its shape. */
final class Gradients {
  private final SequencedMap<String, Tensor> byName = new LinkedHashMap<>();
  private final List<BlockGradients> blocks = new ArrayList<>();
  private final boolean tiedHead;

  Gradients(TokenFormerConfig config, MemoryScope scope) {
    tiedHead = config.tiedHead();
    for (Map.Entry<String, Shape> entry : TensorNames.shapes(config).entrySet()) {
      byName.put(entry.getKey(), scope.allocate(DType.F32, entry.getValue()));
    }
    for (int layer = 0; layer < config.layers().size(); layer++) {
      blocks.add(
          new BlockGradients(
              pattention(layer, "attention.query"),
              pattention(layer, "attention.key"),
              pattention(layer, "attention.value"),
              pattention(layer, "attention.proj"),
              pattention(layer, "ffn")));
    }
  }

  private ParameterGradients pattention(int layer, String which) {
    String name = TensorNames.pattention(layer, which);
    Tensor keys = get(TensorNames.keys(name));
    Tensor values = get(TensorNames.values(name));
    return new ParameterGradients(List.of(new ParameterGradients.Segment(keys, values)));
  }

  private Tensor get(String name) {
    return Objects.requireNonNull(byName.get(name));
  }

  SequencedMap<String, Tensor> byName() {
    return Collections.unmodifiableSequencedMap(byName);
  }

  BlockGradients block(int layer) {
    return blocks.get(layer);
  }

  /** (V, C). */
  Tensor embedding() {
    return get(TensorNames.EMBEDDING);
  }

  /** (V, C), the embedding's where tied. */
  Tensor head() {
    return tiedHead ? embedding() : get(TensorNames.HEAD);
  }

  /** (C). */
  Tensor normWeight() {
    return get(TensorNames.NORM_WEIGHT);
  }

  /** (C). */
  Tensor normBias() {
    return get(TensorNames.NORM_BIAS);
  }
}
