package org.tokenformer.engine.testing;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.AtomicFolder;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** Small models with weights large enough that every id and every position matters. */
public final class Models {
  /** V of {@link #config}. */
  public static final int VOCABULARY = 40;

  /** Number of ids that may be sampled. */
  public static final int IDS = 37;

  /** Context length of {@link #config}. */
  public static final int CONTEXT = 300;

  private static final double LARGE = 0.7;

  private Models() {}

  /** C = 24 in 3 heads, R = 4; layers have different numbers of parameter tokens. */
  public static TokenFormerConfig config(Theta theta) {
    return config(theta, List.of(new LayerSizes(13, 24, 31), new LayerSizes(24, 7, 50)), Map.of());
  }

  /** Returns the same configuration with other layers and τ. */
  public static TokenFormerConfig config(
      Theta theta, List<LayerSizes> layers, Map<String, Float> taus) {
    return new TokenFormerConfig(
        24, 3, layers, VOCABULARY, IDS, CONTEXT, theta, taus, 0.5, 10000, 1e-5f, true);
  }

  /** Returns the same configuration for a tokenizer with this many ids. */
  public static TokenFormerConfig withTokenizerIds(TokenFormerConfig config, int ids) {
    return new TokenFormerConfig(
        config.hiddenSize(),
        config.heads(),
        config.layers(),
        config.vocabularySize(),
        ids,
        config.contextLength(),
        config.theta(),
        config.taus(),
        config.rotaryFraction(),
        config.rotaryBase(),
        config.layerNormEpsilon(),
        config.tiedHead(),
        config.history());
  }

  /** Returns random weights: matrices of the given type, vectors of F32. */
  public static List<NamedTensor> weights(
      TokenFormerConfig config, DType dtype, Random random, Arena arena) {
    return weights(config, dtype, LARGE, random, arena);
  }

  /**
   * Returns random weights of another scale.
   *
   * @param scale standard deviation
   */
  public static List<NamedTensor> weights(
      TokenFormerConfig config, DType dtype, double scale, Random random, Arena arena) {
    List<NamedTensor> tensors = new ArrayList<>();
    for (Map.Entry<String, Shape> entry : TensorNames.shapes(config).entrySet()) {
      Shape shape = entry.getValue();
      MemorySegment floats = arena.allocate(shape.bytes(DType.F32), 64);
      for (long i = 0; i < shape.elements(); i++) {
        float value = (float) (random.nextGaussian() * scale);
        floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, shape.rank() == 1 ? 1 + value : value);
      }
      MemorySegment data = floats;
      DType type = shape.rank() == 1 ? DType.F32 : dtype;
      if (type != DType.F32) {
        data = arena.allocate(shape.bytes(type), 64);
        FloatConversion.convert(DType.F32, floats, type, data);
      }
      tensors.add(new NamedTensor(entry.getKey(), type, shape, data));
    }
    return tensors;
  }

  /** Returns the tensors by name. */
  public static Map<String, NamedTensor> byName(List<NamedTensor> tensors) {
    Map<String, NamedTensor> map = new LinkedHashMap<>();
    tensors.forEach(tensor -> map.put(tensor.name(), tensor));
    return map;
  }

  /** Opens a model with random weights; closing it frees them. */
  @SuppressWarnings("MustBeClosedChecker") // the model closes the arena
  public static TokenFormer open(TokenFormerConfig config, Backend backend, long seed) {
    Arena arena = Arena.ofShared();
    List<NamedTensor> tensors = weights(config, DType.F32, new Random(seed), arena);
    return ModelLoader.load(config, byName(tensors), backend, arena::close);
  }

  /** Saves a model folder with random weights. */
  public static Path save(Path folder, TokenFormerConfig config, DType dtype, long seed)
      throws IOException {
    Path tokenizer = folder.resolveSibling(folder.getFileName() + ".tokenizer.json");
    Files.writeString(tokenizer, "{}");
    try (Arena arena = Arena.ofConfined()) {
      List<NamedTensor> tensors = weights(config, dtype, new Random(seed), arena);
      ModelFolder.save(folder, AtomicFolder.IfExists.REFUSE, config, tensors, tokenizer);
    }
    return folder;
  }

  /** Returns random ids that may be sampled. */
  public static int[] ids(Random random, int count) {
    return random.ints(count, 0, IDS).toArray();
  }
}
