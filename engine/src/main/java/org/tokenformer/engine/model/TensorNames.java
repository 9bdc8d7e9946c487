package org.tokenformer.engine.model;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.tokenformer.engine.tensor.Shape;

/** Names and shapes of a model's tensors in its file. */
public final class TensorNames {
  /** The embedding table, (V, C). */
  public static final String EMBEDDING = "embedding.weight";

  /** The weight of the last layer normalisation, (C). */
  public static final String NORM_WEIGHT = "norm.weight";

  /** The bias of the last layer normalisation, (C). */
  public static final String NORM_BIAS = "norm.bias";

  /** The output head, (V, C), if it is not tied to the embedding. */
  public static final String HEAD = "head.weight";

  private static final String KEYS = ".key_param_tokens";
  private static final String VALUES = ".value_param_tokens";

  private TensorNames() {}

  /** Returns the name of a Pattention, such as {@code layers.3.attention.query}. */
  public static String pattention(int layer, BlockPattention which) {
    return "layers." + layer + "." + which;
  }

  /** Returns the name of a Pattention's keys, (N, C). */
  public static String keys(String pattention) {
    return pattention + KEYS;
  }

  /** Returns the name of a Pattention's values, (N, C). */
  public static String values(String pattention) {
    return pattention + VALUES;
  }

  /** Returns whether a tensor of that name holds keys or values of a Pattention. */
  public static boolean isParameterTokens(String name) {
    return name.endsWith(KEYS) || name.endsWith(VALUES);
  }

  /** Returns the names of all Pattentions of a number of layers. */
  public static Set<String> pattentions(int layers) {
    Set<String> names = new LinkedHashSet<>();
    for (int layer = 0; layer < layers; layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        names.add(pattention(layer, which));
      }
    }
    return names;
  }

  /** Returns the name and shape of every tensor of a model, in the order of its file. */
  public static Map<String, Shape> shapes(TokenFormerConfig config) {
    Map<String, Shape> shapes = new LinkedHashMap<>();
    long channels = config.hiddenSize();
    shapes.put(EMBEDDING, Shape.of(config.vocabularySize(), channels));
    for (int layer = 0; layer < config.layers().size(); layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        Shape shape = Shape.of(config.layers().get(layer).of(which), channels);
        String name = pattention(layer, which);
        shapes.put(keys(name), shape);
        shapes.put(values(name), shape);
      }
    }
    shapes.put(NORM_WEIGHT, Shape.of(channels));
    shapes.put(NORM_BIAS, Shape.of(channels));
    if (!config.tiedHead()) {
      shapes.put(HEAD, Shape.of(config.vocabularySize(), channels));
    }
    return shapes;
  }
}
