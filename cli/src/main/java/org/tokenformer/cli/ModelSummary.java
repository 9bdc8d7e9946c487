package org.tokenformer.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/** Human-readable descriptions of a model. */
final class ModelSummary {
  private static final int MAX_NAMES = 8;

  private ModelSummary() {}

  /** Returns a one-line summary. */
  static String line(TokenFormerConfig config) {
    return "%s parameters: %d layers, %d channels, %d heads, vocabulary %d, context %d, %s"
        .formatted(
            Amount.count(config.parameters()),
            config.layers().size(),
            config.hiddenSize(),
            config.heads(),
            config.vocabularySize(),
            config.contextLength(),
            config.theta().configName());
  }

  /** Returns the numbers of parameter tokens: one line, or one line per range of equal layers. */
  static List<String> layers(TokenFormerConfig config) {
    List<String> lines = new ArrayList<>();
    List<LayerSizes> layers = config.layers();
    int first = 0;
    for (int i = 1; i <= layers.size(); i++) {
      if (i == layers.size() || !layers.get(i).equals(layers.get(first))) {
        String which = first == 0 && i == layers.size() ? "" : range(first, i - 1) + ": ";
        LayerSizes sizes = layers.get(first);
        lines.add(
            which
                + "query, key, value %d each; projection %d; feed-forward %d"
                    .formatted(sizes.qkv(), sizes.proj(), sizes.ffn()));
        first = i;
      }
    }
    return lines;
  }

  /** Returns one line for each τ other than its default, with the Pattentions that use it. */
  static List<String> taus(TokenFormerConfig config) {
    Map<String, List<String>> byValue = new LinkedHashMap<>(); // Pattentions by value and layers
    for (BlockPattention which : BlockPattention.values()) {
      Map<Float, List<Integer>> layers = new LinkedHashMap<>();
      for (int layer = 0; layer < config.layers().size(); layer++) {
        Float tau = config.taus().get(TensorNames.pattention(layer, which));
        if (tau != null) {
          layers.computeIfAbsent(tau, _ -> new ArrayList<>()).add(layer);
        }
      }
      layers.forEach((tau, list) ->
          byValue
              .computeIfAbsent(tau + " in %s of " + ranges(list), _ -> new ArrayList<>())
              .add(which.toString()));
    }
    List<String> lines = new ArrayList<>();
    byValue.forEach((line, names) -> lines.add(line.formatted(String.join(", ", names))));
    return lines;
  }

  private static String ranges(List<Integer> layers) {
    List<String> ranges = new ArrayList<>();
    int first = 0;
    for (int i = 1; i <= layers.size(); i++) {
      if (i == layers.size() || layers.get(i) != layers.get(i - 1) + 1) {
        ranges.add(range(layers.get(first), layers.get(i - 1)));
        first = i;
      }
    }
    return String.join(", ", ranges);
  }

  private static String range(int first, int last) {
    return first == last ? "layer " + first : "layers " + first + " to " + last;
  }

  /** Returns a line with a name and a value. */
  static String row(String name, String value) {
    return "  %-17s %s".formatted(name, value);
  }

  /** Returns a sentence that names the tensors with NaN or infinite weights. */
  static String notFinite(List<String> tensors) {
    List<String> shown = tensors.subList(0, Math.min(MAX_NAMES, tensors.size()));
    int more = tensors.size() - shown.size();
    return (tensors.size() == 1 ? "tensor " : "tensors ")
        + String.join(", ", shown)
        + (more > 0 ? " and " + more + " more" : "")
        + (tensors.size() == 1 ? " holds" : " hold")
        + " NaN or infinite weights";
  }
}
