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
 * A smaller model as a selection of a larger one's parameter tokens: the tokens that each
 * Pattention keeps, in their old order. τ stays unchanged, so that the kept tokens work as before,
 * except that the removed ones no longer contribute to the norm of the scores.
 */
public final class ShrinkPlan {
  private final TokenFormerConfig config;
  private final Map<String, int[]> kept; // indices by Pattention name, ascending

  private interface Choice {
    /** Returns {@code count} of the indices 0 to {@code available} − 1, ascending. */
    int[] of(String pattention, int available, int count);
  }

  private ShrinkPlan(TokenFormerConfig old, List<LayerSizes> sizes, Choice choice) {
    check(old, sizes);
    kept = new HashMap<>();
    for (int layer = 0; layer < sizes.size(); layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        String name = TensorNames.pattention(layer, which);
        int available = old.layers().get(layer).of(which);
        int count = sizes.get(layer).of(which);
        kept.put(name, choice.of(name, available, count));
      }
    }
    config = old.withLayers(sizes, old.keptTaus(sizes), history(old, sizes));
  }

  /**
   * Returns the growth history of the kept tokens. Query, key and value share one size: the
   * smallest of theirs, so that no token counts as older than it is. A growth is dropped if a
   * Pattention keeps no token from before it, or if all tokens that it added are removed.
   */
  private List<List<LayerSizes>> history(TokenFormerConfig old, List<LayerSizes> sizes) {
    List<List<LayerSizes>> history = new ArrayList<>();
    List<LayerSizes> after = sizes;
    for (List<LayerSizes> earlier : old.history().reversed()) {
      List<LayerSizes> remaining = new ArrayList<>();
      for (int layer = 0; layer < earlier.size(); layer++) {
        LayerSizes rest = earlier.get(layer);
        for (BlockPattention which : BlockPattention.values()) {
          int count = keptBelow(layer, which, earlier.get(layer).of(which));
          if (count == 0) {
            return history.reversed();
          }
          rest = rest.with(which.group(), Math.min(rest.of(which), count));
        }
        remaining.add(rest);
      }
      if (!remaining.equals(after)) {
        history.add(remaining);
        after = remaining;
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
        int available = old.layers().get(layer).of(which);
        int count = sizes.get(layer).of(which);
        if (count > available) {
          throw new ConfigException(
              "%s: %d is more than its %d parameter tokens"
                  .formatted(TensorNames.pattention(layer, which), count, available));
        }
      }
    }
  }

  /**
   * Keeps the most important parameter tokens of each Pattention; among equals the first ones.
   *
   * @param sizes sizes of each layer, none larger than the model's
   * @throws ConfigException if a size is larger
   */
  public static ShrinkPlan mostImportant(
      TokenFormerConfig old, List<LayerSizes> sizes, Importance importance) {
    return new ShrinkPlan(
        old, sizes, (pattention, _, count) -> importance.mostImportant(pattention, count));
  }

  /** Keeps random tokens, for comparison; the same for the same seed. */
  public static ShrinkPlan random(TokenFormerConfig old, List<LayerSizes> sizes, long seed) {
    Random random = new Random(seed);
    return new ShrinkPlan(
        old,
        sizes,
        (_, available, count) -> {
          List<Integer> indices = new ArrayList<>(IntStream.range(0, available).boxed().toList());
          Collections.shuffle(indices, random);
          return indices.stream().limit(count).mapToInt(Integer::intValue).sorted().toArray();
        });
  }

  /** Returns the configuration of the smaller model. */
  public TokenFormerConfig config() {
    return config;
  }

  /** Returns the indices of the tokens that one Pattention keeps, ascending. */
  public int[] kept(String pattention) {
    return Objects.requireNonNull(kept.get(pattention), pattention).clone();
  }

  /**
   * Returns the smaller model's tensors: rows copied unchanged, in their types.
   *
   * @param old tensors of the larger model by name; those that keep all rows are not copied
   * @param arena owns the copied tensors
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
