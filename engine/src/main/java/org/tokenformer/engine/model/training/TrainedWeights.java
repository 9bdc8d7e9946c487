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
 * The weights that a run changes: all of them, or only the parameter tokens that the last growth
 * added. A weight is trained from some row up to its last.
 */
final class TrainedWeights {
  private final boolean onlyNew;
  private final SequencedMap<String, Shape> shapes = new LinkedHashMap<>();
  private final Map<String, Long> firstRows = new HashMap<>();

  /**
   * Determines the trained weights of a model.
   *
   * @param onlyNew whether all that existed before the last growth is frozen
   * @throws ConfigException if so but the model never grew
   */
  TrainedWeights(TokenFormerConfig config, boolean onlyNew) {
    this.onlyNew = onlyNew;
    if (onlyNew && config.history().isEmpty()) {
      throw new ConfigException(
          "freeze_old", "the model never grew, so it has no new parameter tokens; grow it first");
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
          "freeze_old", "the last growth added no parameter tokens that can be trained");
    }
  }

  /** Returns whether all that existed before the last growth is frozen. */
  boolean onlyNew() {
    return onlyNew;
  }

  /**
   * Returns the numbers of parameter tokens before the last growth, by the names of keys and
   * values.
   */
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

  /** Returns the shape of the trained part of each weight by name, in the order of the file. */
  SequencedMap<String, Shape> shapes() {
    return shapes;
  }

  /**
   * Returns the number of trained elements.
   *
   * @throws ArithmeticException if it exceeds a long
   */
  long elements() {
    long sum = 0;
    for (Shape shape : shapes.values()) {
      sum = Math.addExact(sum, shape.elements());
    }
    return sum;
  }

  /** Returns {@link #firstRow} of every weight by name. */
  Map<String, Long> firstRows() {
    return Collections.unmodifiableMap(firstRows);
  }

  /** Returns the first trained row of a weight; its number of rows if none is trained. */
  long firstRow(String weight) {
    return firstRows.getOrDefault(weight, 0L);
  }
}
