package org.tokenformer.engine.model;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.tokenformer.engine.tensor.Shape;

/** What the tensors of a model are called in its file, and what shapes they have. */
public final class TensorNames {
  /** (V, C). */
  public static final String EMBEDDING = "embedding.weight";

  /** (C), of the last layer normalisation. */
  public static final String NORM_WEIGHT = "norm.weight";

  /** (C), of the last layer normalisation. */
  public static final String NORM_BIAS = "norm.bias";

  /** (V, C), where the head is not tied to the embedding. */
  public static final String HEAD = "head.weight";

  private static final String KEYS = ".key_param_tokens";
  private static final String VALUES = ".value_param_tokens";

  private TensorNames() {}

  /** As {@code layers.3.attention.query}. */
  public static String pattention(int layer, BlockPattention which) {
    return "layers." + layer + "." + which;
  }

  /** The keys of a Pattention, (N, C). */
  public static String keys(String pattention) {
    return pattention + KEYS;
  }

  /** The values of a Pattention, (N, C). */
  public static String values(String pattention) {
    return pattention + VALUES;
  }

  /** Whether a tensor of that name is the keys or values of a Pattention. */
  public static boolean isParameterTokens(String name) {
    return name.endsWith(KEYS) || name.endsWith(VALUES);
  }

  /** The names of all Pattentions of so many layers. */
  public static Set<String> pattentions(int layers) {
    Set<String> names = new LinkedHashSet<>();
    for (int layer = 0; layer < layers; layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        names.add(pattention(layer, which));
      }
    }
    return names;
  }

  /** Every tensor that a model has, in the order of its file, with its shape. */
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
