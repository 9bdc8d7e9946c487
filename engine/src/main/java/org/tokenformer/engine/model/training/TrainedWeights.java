package org.tokenformer.engine.model.training;

import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.tensor.Shape;

/**
 * Which weights a run changes: all of them, or the parameter tokens that the last growth added and
 * nothing else. A weight is trained from some row on to its last.
 */
final class TrainedWeights {
  private final boolean onlyNew;
  private final SequencedMap<String, Shape> shapes = new LinkedHashMap<>();
  private final Map<String, Long> firstRows = new HashMap<>();

  /**
   * Of a model.
   *
   * @param onlyNew whether what was there before the last growth stays as it is
   * @throws ConfigException if it should, and the model never grew
   */
  TrainedWeights(TokenFormerConfig config, boolean onlyNew) {
    this.onlyNew = onlyNew;
    if (onlyNew && config.history().isEmpty()) {
      throw new ConfigException(
          "freeze_old", "the model never grew, so that nothing of it is new; grow it first");
    }
    Map<String, Long> old = onlyNew ? oldRows(config) : Map.of();
    TensorNames.shapes(config)
        .forEach((name, shape) -> {
          long first = onlyNew ? old.getOrDefault(name, shape.size(0)) : 0;
          firstRows.put(name, first);
          if (first == 0) {
            shapes.put(name, shape);
          } else if (first < shape.size(0)) {
            shapes.put(name, Shape.of(shape.size(0) - first, shape.size(1)));
          }
        });
    if (shapes.isEmpty()) {
      throw new ConfigException(
          "freeze_old", "the last growth added nothing that could be trained");
    }
  }

  /** Whether what was there before the last growth stays as it is. */
  boolean onlyNew() {
    return onlyNew;
  }

  /** Parameter tokens before the last growth, by the names of their keys and values. */
  private static Map<String, Long> oldRows(TokenFormerConfig config) {
    Map<String, Long> rows = new HashMap<>();
    List<LayerSizes> before = config.history().getLast();
    for (int layer = 0; layer < config.layers().size(); layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        long count = layer < before.size() ? before.get(layer).of(which) : 0;
        String name = TensorNames.pattention(layer, which);
        rows.put(TensorNames.keys(name), count);
        rows.put(TensorNames.values(name), count);
      }
    }
    return rows;
  }

  /** What is trained of each weight, by its name, in the order of the file. */
  SequencedMap<String, Shape> shapes() {
    return shapes;
  }

  /**
   * How many numbers are trained.
   *
   * @throws ArithmeticException if they are more than a long can count
   */
  long elements() {
    long sum = 0;
    for (Shape shape : shapes.values()) {
      sum = Math.addExact(sum, shape.elements());
    }
    return sum;
  }

  /** {@link #firstRow} of every weight, by its name. */
  Map<String, Long> firstRows() {
    return Collections.unmodifiableMap(firstRows);
  }

  /** The first row of a weight that is trained; as many as it has rows if none is. */
  long firstRow(String weight) {
    return firstRows.getOrDefault(weight, 0L);
  }
}
