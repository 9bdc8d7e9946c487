package org.tokenformer.engine.grow;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.tensor.Shape;

/**
 * A smaller model as a choice of another one's parameter tokens: which ones each Pattention keeps,
 * in their old order. τ stays what it was, so that what is kept goes on as before but for the part
 * that the others had in the norm of the scores.
 */
public final class ShrinkPlan {
  private final TokenFormerConfig config;
  private final Map<String, int[]> kept; // of each Pattention by name, ascending

  private interface Choice {
    /** {@code count} of the indices 0 to {@code had} − 1, ascending. */
    int[] of(String pattention, int had, int count);
  }

  private ShrinkPlan(TokenFormerConfig old, List<LayerSizes> sizes, Choice choice) {
    check(old, sizes);
    kept = new HashMap<>();
    for (int layer = 0; layer < sizes.size(); layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        String name = TensorNames.pattention(layer, which);
        int had = old.layers().get(layer).of(which);
        int count = sizes.get(layer).of(which);
        kept.put(name, choice.of(name, had, count));
      }
    }
    config = old.withLayers(sizes, old.keptTaus(sizes), history(old, sizes));
  }

  /**
   * What is kept of the sizes before each growth. Query, key and value have one number: the least
   * of theirs, so that none of what came later counts as having been there. Where a Pattention
   * keeps nothing that old, or all that was added is gone, there is no such growth any more.
   */
  private List<List<LayerSizes>> history(TokenFormerConfig old, List<LayerSizes> sizes) {
    List<List<LayerSizes>> history = new ArrayList<>();
    List<LayerSizes> after = sizes;
    for (List<LayerSizes> earlier : old.history().reversed()) {
      List<LayerSizes> left = new ArrayList<>();
      for (int layer = 0; layer < earlier.size(); layer++) {
        LayerSizes rest = earlier.get(layer);
        for (BlockPattention which : BlockPattention.values()) {
          int count = keptBelow(layer, which, earlier.get(layer).of(which));
          if (count == 0) {
            return history.reversed();
          }
          rest = rest.with(which.group(), Math.min(rest.of(which), count));
        }
        left.add(rest);
      }
      if (!left.equals(after)) {
        history.add(left);
        after = left;
      }
    }
    return history.reversed();
  }

  private int keptBelow(int layer, BlockPattention which, int end) {
    return (int)
        Arrays.stream(kept(TensorNames.pattention(layer, which))).filter(n -> n < end).count();
  }

  private static void check(TokenFormerConfig old, List<LayerSizes> sizes) {
    if (sizes.size() != old.layers().size()) {
      throw ConfigException.notAllowed(
          "num_layers", sizes.size(), "the " + old.layers().size() + " of the model");
    }
    for (int layer = 0; layer < sizes.size(); layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        int had = old.layers().get(layer).of(which);
        int count = sizes.get(layer).of(which);
        if (count > had) {
          throw new ConfigException(
              "%s: %d is more than the %d parameter tokens that there are"
                  .formatted(TensorNames.pattention(layer, which), count, had));
        }
      }
    }
  }

  /**
   * Keeps the most important parameter tokens of each Pattention; of equals the first ones.
   *
   * @param sizes of each layer, none larger than the model's
   * @throws ConfigException if one is
   */
  public static ShrinkPlan mostImportant(
      TokenFormerConfig old, List<LayerSizes> sizes, Importance importance) {
    return new ShrinkPlan(old, sizes, (pattention, _, count) -> importance.best(pattention, count));
  }

  /** Keeps any ones, for comparison: the same for the same seed. */
  public static ShrinkPlan random(TokenFormerConfig old, List<LayerSizes> sizes, long seed) {
    Random random = new Random(seed);
    return new ShrinkPlan(
        old,
        sizes,
        (_, had, count) -> {
          List<Integer> indices = new ArrayList<>(IntStream.range(0, had).boxed().toList());
          Collections.shuffle(indices, random);
          return indices.stream().limit(count).mapToInt(Integer::intValue).sorted().toArray();
        });
  }

  /** What the smaller model is made of. */
  public TokenFormerConfig config() {
    return config;
  }

  /** Indices of what one Pattention keeps, ascending. */
  public int[] kept(String pattention) {
    return Objects.requireNonNull(kept.get(pattention), pattention).clone();
  }

  /**
   * The smaller model's tensors: rows copied as they are, in their types.
   *
   * @param old of the larger model by name; those that stay whole are not copied
   * @param arena for those that do not
   */
  public List<NamedTensor> tensors(Map<String, NamedTensor> old, Arena arena) {
    Map<String, int[]> rows = new HashMap<>();
    kept.forEach((pattention, indices) -> {
      rows.put(TensorNames.keys(pattention), indices);
      rows.put(TensorNames.values(pattention), indices);
    });
    List<NamedTensor> tensors = new ArrayList<>();
    for (String name : TensorNames.shapes(config).keySet()) {
      NamedTensor tensor = Objects.requireNonNull(old.get(name), name);
      int[] indices = rows.get(name);
      tensors.add(indices == null ? tensor : pick(tensor, indices, arena));
    }
    return tensors;
  }

  private static NamedTensor pick(NamedTensor tensor, int[] rows, Arena arena) {
    if (rows.length == tensor.shape().size(0)) {
      return tensor;
    }
    Shape shape = Shape.of(rows.length, tensor.shape().size(1));
    MemorySegment data = arena.allocate(shape.bytes(tensor.dtype()), 64);
    long rowBytes = data.byteSize() / rows.length;
    for (int i = 0; i < rows.length; i++) {
      MemorySegment.copy(tensor.data(), rows[i] * rowBytes, data, i * rowBytes, rowBytes);
    }
    return new NamedTensor(tensor.name(), tensor.dtype(), shape, data);
  }
}
