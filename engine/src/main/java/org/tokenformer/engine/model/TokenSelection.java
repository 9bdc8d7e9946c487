package org.tokenformer.engine.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/**
 * Which parameter tokens a model computes with: the first of its own, and after them others that
 * are attached. τ stays as it is with all of its own and no others.
 *
 * @param prefix of the model's own tokens
 * @param attached keys and values by their names in {@link TensorNames}, those of each origin in a
 *     map; the Pattentions of query, key and value of a layer get equally many
 */
public record TokenSelection(TokenFraction prefix, List<Map<String, NamedTensor>> attached) {
  /** All of its own and no others. */
  public static final TokenSelection OWN = new TokenSelection(TokenFraction.ALL, List.of());

  /** Copies the list. */
  public TokenSelection {
    attached = List.copyOf(attached);
  }

  /**
   * A model that has just these tokens.
   *
   * @param own that of the model itself
   * @throws ConfigException if it has too many
   */
  public TokenFormerConfig config(TokenFormerConfig own) {
    if (equals(OWN)) {
      return own;
    }
    List<List<LayerSizes>> stages = new ArrayList<>();
    for (List<LayerSizes> stage : own.history()) {
      add(stages, left(stage, own.layers()));
    }
    add(stages, left(own.layers(), own.layers()));
    for (Map<String, NamedTensor> more : attached) {
      stages.add(extended(stages.getLast(), more));
    }
    List<LayerSizes> layers = stages.removeLast();
    return own.withLayers(layers, own.keptTaus(layers), stages);
  }

  /** Where nothing is left of what was added, there is no such growth any more. */
  private static void add(List<List<LayerSizes>> stages, List<LayerSizes> stage) {
    if (stages.isEmpty() || !stages.getLast().equals(stage)) {
      stages.add(stage);
    }
  }

  /** What is left of the tokens that the model had at some time: those among the first ones. */
  private List<LayerSizes> left(List<LayerSizes> then, List<LayerSizes> now) {
    List<LayerSizes> left = new ArrayList<>();
    for (int layer = 0; layer < then.size(); layer++) {
      LayerSizes before = then.get(layer);
      LayerSizes sizes = before;
      LayerSizes all = now.get(layer);
      for (SizeGroup group : SizeGroup.values()) {
        sizes = sizes.with(group, Math.min(before.of(group), prefix.of(all.of(group))));
      }
      left.add(sizes);
    }
    return left;
  }

  private static List<LayerSizes> extended(List<LayerSizes> layers, Map<String, NamedTensor> more) {
    List<LayerSizes> extended = new ArrayList<>();
    for (int layer = 0; layer < layers.size(); layer++) {
      LayerSizes sizes = layers.get(layer);
      extended.add(
          new LayerSizes(
              sizes.qkv() + rows(more, layer, BlockPattention.QUERY),
              sizes.proj() + rows(more, layer, BlockPattention.PROJECTION),
              sizes.ffn() + rows(more, layer, BlockPattention.FFN)));
    }
    return extended;
  }

  private static int rows(Map<String, NamedTensor> tensors, int layer, BlockPattention which) {
    String keys = TensorNames.keys(TensorNames.pattention(layer, which));
    NamedTensor tensor = tensors.get(keys);
    return tensor == null ? 0 : Math.toIntExact(tensor.shape().size(0));
  }
}
