package org.tokenformer.engine.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/**
 * The parameter tokens that a model computes with: a prefix of its own, followed by attached ones.
 * τ stays that of the model with all of its own tokens and no others.
 *
 * @param prefix fraction of the model's own tokens
 * @param attached keys and values by their names in {@link TensorNames}, one map per origin; query,
 *     key and value of a layer get equally many
 */
public record TokenSelection(TokenFraction prefix, List<Map<String, NamedTensor>> attached) {
  /** All of the model's own tokens and no others. */
  public static final TokenSelection OWN = new TokenSelection(TokenFraction.ALL, List.of());

  /** Copies the list. */
  public TokenSelection {
    attached = List.copyOf(attached);
  }

  /**
   * Returns the configuration of a model with exactly these tokens.
   *
   * @param own the configuration of the model itself
   * @throws ConfigException if there are too many tokens
   */
  public TokenFormerConfig config(TokenFormerConfig own) {
    if (equals(OWN)) {
      return own;
    }
    List<List<LayerSizes>> stages = new ArrayList<>();
    for (List<LayerSizes> stage : own.history()) {
      add(stages, remaining(stage, own.layers()));
    }
    add(stages, remaining(own.layers(), own.layers()));
    for (Map<String, NamedTensor> tensors : attached) {
      stages.add(extended(stages.getLast(), tensors));
    }
    List<LayerSizes> layers = stages.removeLast();
    return own.withLayers(layers, own.keptTaus(layers), stages);
  }

  /** Adds a stage of the growth history, unless nothing is left of the tokens that it added. */
  private static void add(List<List<LayerSizes>> stages, List<LayerSizes> stage) {
    if (stages.isEmpty() || !stages.getLast().equals(stage)) {
      stages.add(stage);
    }
  }

  /** Returns the sizes of an earlier stage, limited to the tokens within the prefix. */
  private List<LayerSizes> remaining(List<LayerSizes> earlier, List<LayerSizes> now) {
    List<LayerSizes> remaining = new ArrayList<>();
    for (int layer = 0; layer < earlier.size(); layer++) {
      LayerSizes before = earlier.get(layer);
      LayerSizes sizes = before;
      LayerSizes all = now.get(layer);
      for (SizeGroup group : SizeGroup.values()) {
        sizes = sizes.with(group, Math.min(before.of(group), prefix.of(all.of(group))));
      }
      remaining.add(sizes);
    }
    return remaining;
  }

  private static List<LayerSizes> extended(
      List<LayerSizes> layers, Map<String, NamedTensor> tensors) {
    List<LayerSizes> extended = new ArrayList<>();
    for (int layer = 0; layer < layers.size(); layer++) {
      LayerSizes sizes = layers.get(layer);
      extended.add(
          new LayerSizes(
              sizes.qkv() + rows(tensors, layer, BlockPattention.QUERY),
              sizes.proj() + rows(tensors, layer, BlockPattention.PROJECTION),
              sizes.ffn() + rows(tensors, layer, BlockPattention.FFN)));
    }
    return extended;
  }

  private static int rows(Map<String, NamedTensor> tensors, int layer, BlockPattention which) {
    String keys = TensorNames.keys(TensorNames.pattention(layer, which));
    NamedTensor tensor = tensors.get(keys);
    return tensor == null ? 0 : Math.toIntExact(tensor.shape().size(0));
  }
}
