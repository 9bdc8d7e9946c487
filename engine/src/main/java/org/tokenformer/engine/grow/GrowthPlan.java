package org.tokenformer.engine.grow;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.SizeGroup;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/**
 * How large a model is to become.
 *
 * @param sizes numbers of parameter tokens; where two speak of the same layer, the later one counts
 * @param layers of the grown model, or 0 for as many as before; new ones come last
 */
public record GrowthPlan(List<Size> sizes, int layers) {
  private static final Pattern SIZE =
      Pattern.compile("([1-9]\\d{0,8})(?:@(\\d{1,4})(?:-(\\d{1,4}))?)?");
  private static final String LAYERS = "layers";

  /** Copies the list. */
  public GrowthPlan {
    sizes = List.copyOf(sizes);
    if (layers < 0 || layers > TokenFormerConfig.MAX_LAYERS) { // before as many are made
      throw ConfigException.notAllowed(LAYERS, layers, "in 1 to " + TokenFormerConfig.MAX_LAYERS);
    }
    if (sizes.isEmpty() && layers == 0) {
      throw new ConfigException("nothing to grow: give at least one of qkv, proj, ffn and layers");
    }
  }

  /**
   * Parameter tokens of one group in consecutive layers.
   *
   * @param count N
   * @param firstLayer counted from 0
   * @param lastLayer included; {@link Integer#MAX_VALUE} for the last that there is
   */
  public record Size(SizeGroup group, int count, int firstLayer, int lastLayer) {
    /** Checks the numbers. */
    public Size {
      if (count < 1 || count > TokenFormerConfig.LARGEST_SIZE) {
        throw ConfigException.notAllowed(
            group.toString(), count, "in 1 to " + TokenFormerConfig.LARGEST_SIZE);
      }
      if (firstLayer < 0) {
        throw new ConfigException(group.toString(), "layer " + firstLayer + " is not at least 0");
      }
      if (firstLayer > lastLayer) {
        throw new ConfigException(
            group.toString(),
            "layers %d to %d end before they begin".formatted(firstLayer, lastLayer));
      }
    }

    /**
     * Reads {@code 2048}, {@code 2048@3} for one layer or {@code 2048@0-2} for some.
     *
     * @throws ConfigException if it is none of these
     */
    public static Size parse(SizeGroup group, String text) {
      Matcher size = SIZE.matcher(text);
      if (!size.matches()) {
        throw new ConfigException(
            group.toString(),
            quote(text)
                + " is not a number of parameter tokens, as 2048, 2048@3 for layer 3 or 2048@0-2");
      }
      String first = size.group(2);
      String last = size.group(3);
      int from = first == null ? 0 : Integer.parseInt(first);
      int to = first == null ? Integer.MAX_VALUE : last == null ? from : Integer.parseInt(last);
      return new Size(group, Integer.parseInt(size.group(1)), from, to);
    }

    /** As {@link #parse} reads it, with the group's name. */
    @Override
    public String toString() {
      String where =
          firstLayer == 0 && lastLayer == Integer.MAX_VALUE
              ? ""
              : firstLayer == lastLayer ? "@" + firstLayer : "@" + firstLayer + "-" + lastLayer;
      return group + "=" + count + where;
    }
  }

  /**
   * Reads {@code ffn=2048,qkv=512@0-2,layers=8}.
   *
   * @throws ConfigException naming what cannot be read
   */
  public static GrowthPlan parse(String text) {
    List<Size> sizes = new ArrayList<>();
    int layers = 0;
    for (String item : text.split(",", -1)) {
      int equals = item.indexOf('=');
      String name = equals < 0 ? item : item.substring(0, equals);
      String value = equals < 0 ? "" : item.substring(equals + 1);
      switch (name) {
        case "qkv" -> sizes.add(Size.parse(SizeGroup.QKV, value));
        case "proj" -> sizes.add(Size.parse(SizeGroup.PROJ, value));
        case "ffn" -> sizes.add(Size.parse(SizeGroup.FFN, value));
        case LAYERS -> {
          if (layers != 0) {
            throw new ConfigException(LAYERS, "is given twice");
          }
          layers = parseLayers(value);
        }
        default ->
            throw new ConfigException(
                quote(item) + " is not one of qkv=N, proj=N, ffn=N and layers=N");
      }
    }
    return new GrowthPlan(sizes, layers);
  }

  /**
   * Reads a number of layers.
   *
   * @throws ConfigException if it is none
   */
  public static int parseLayers(String value) {
    if (!value.matches("\\d{1,4}") || Integer.parseInt(value) == 0) {
      throw ConfigException.notAllowed(LAYERS, quote(value), "a number of layers");
    }
    return Integer.parseInt(value);
  }

  /**
   * What the layers of a model become. New layers are like the last one.
   *
   * @throws ConfigException naming what would become less, or a layer that is not there
   */
  public List<LayerSizes> target(TokenFormerConfig config) {
    List<LayerSizes> grown = new ArrayList<>(config.layers());
    if (layers != 0 && layers < grown.size()) {
      throw new ConfigException(
          LAYERS,
          "%d is less than the model's %d; growth only adds".formatted(layers, grown.size()));
    }
    while (grown.size() < layers) {
      grown.add(grown.getLast());
    }
    for (Size size : sizes) {
      boolean some = size.lastLayer != Integer.MAX_VALUE;
      int needed = some ? size.lastLayer : size.firstLayer;
      if (needed >= grown.size()) {
        throw new ConfigException(
            size.toString(),
            "there is no layer %d; the layers are 0 to %d".formatted(needed, grown.size() - 1));
      }
      int last = Math.min(size.lastLayer, grown.size() - 1);
      for (int layer = size.firstLayer; layer <= last; layer++) {
        grown.set(layer, grown.get(layer).with(size.group, size.count));
      }
    }
    for (int layer = 0; layer < config.layers().size(); layer++) {
      checkGrows(config.layers().get(layer), grown.get(layer), layer);
    }
    if (grown.equals(config.layers())) {
      throw new ConfigException("the model has " + this + " already; give larger sizes");
    }
    return grown;
  }

  private static void checkGrows(LayerSizes before, LayerSizes after, int layer) {
    for (SizeGroup group : SizeGroup.values()) {
      if (after.of(group) < before.of(group)) {
        throw new ConfigException(
            group.toString(),
            "%d is less than the %d of layer %d; growth only adds, 'tokenformer shrink' takes"
                    .formatted(after.of(group), before.of(group), layer)
                + " away");
      }
    }
  }

  /** As {@link #parse} reads it. */
  @Override
  public String toString() {
    String all = sizes.stream().map(Size::toString).collect(Collectors.joining(","));
    String depth = layers == 0 ? "" : LAYERS + "=" + layers;
    return all.isEmpty() || depth.isEmpty() ? all + depth : all + "," + depth;
  }
}
