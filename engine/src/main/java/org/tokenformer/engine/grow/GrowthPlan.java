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
 * The target sizes of a growth.
 *
 * @param sizes numbers of parameter tokens; the last one that covers a layer applies
 * @param layers number of layers of the grown model, or 0 for as many as before; new ones come last
 */
public record GrowthPlan(List<Size> sizes, int layers) {
  private static final Pattern SIZE =
      Pattern.compile("([1-9]\\d{0,8})(?:@(\\d{1,4})(?:-(\\d{1,4}))?)?");
  private static final String LAYERS = "layers";

  /** Copies the list. */
  public GrowthPlan {
    sizes = List.copyOf(sizes);
    if (layers < 0 || layers > TokenFormerConfig.MAX_LAYERS) { // before the list is created
      throw ConfigException.notAllowed(
          LAYERS, layers, "between 1 and " + TokenFormerConfig.MAX_LAYERS);
    }
    if (sizes.isEmpty() && layers == 0) {
      throw new ConfigException("nothing to grow: give at least one of qkv, proj, ffn and layers");
    }
  }

  /**
   * The number of parameter tokens of one group in consecutive layers.
   *
   * @param count N
   * @param firstLayer counted from 0
   * @param lastLayer inclusive; {@link Integer#MAX_VALUE} for the model's last layer
   */
  public record Size(SizeGroup group, int count, int firstLayer, int lastLayer) {
    /** Checks the numbers. */
    public Size {
      if (count < 1 || count > TokenFormerConfig.LARGEST_SIZE) {
        throw ConfigException.notAllowed(
            group.toString(), count, "between 1 and " + TokenFormerConfig.LARGEST_SIZE);
      }
      if (firstLayer < 0) {
        throw new ConfigException(
            group.toString(), "the first layer must be at least 0, not " + firstLayer);
      }
      if (firstLayer > lastLayer) {
        throw new ConfigException(
            group.toString(),
            "the last layer of %d-%d is before the first".formatted(firstLayer, lastLayer));
      }
    }

    /**
     * Parses {@code 2048}, {@code 2048@3} for one layer or {@code 2048@0-2} for a range of layers.
     *
     * @throws ConfigException if the text has none of these forms
     */
    public static Size parse(SizeGroup group, String text) {
      Matcher size = SIZE.matcher(text);
      if (!size.matches()) {
        throw new ConfigException(
            group.toString(),
            quote(text)
                + " is not a number of parameter tokens such as 2048, 2048@3 for layer 3 or"
                + " 2048@0-2");
      }
      String first = size.group(2);
      String last = size.group(3);
      int from = first == null ? 0 : Integer.parseInt(first);
      int to = first == null ? Integer.MAX_VALUE : last == null ? from : Integer.parseInt(last);
      return new Size(group, Integer.parseInt(size.group(1)), from, to);
    }

    /** Returns the form that {@link #parse} reads, with the group's name in front. */
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
   * Parses {@code ffn=2048,qkv=512@0-2,layers=8}.
   *
   * @throws ConfigException if an item is invalid; the message names it
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
   * Parses a number of layers.
   *
   * @throws ConfigException if the text is not a positive number of at most four digits
   */
  public static int parseLayers(String value) {
    if (!value.matches("\\d{1,4}") || Integer.parseInt(value) == 0) {
      throw ConfigException.notAllowed(
          LAYERS, quote(value), "a number of layers between 1 and " + TokenFormerConfig.MAX_LAYERS);
    }
    return Integer.parseInt(value);
  }

  /**
   * Returns the layers of a model after the growth. New layers have the sizes of the last one.
   *
   * @throws ConfigException if a size would decrease, a layer does not exist or nothing would grow
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
      boolean hasEnd = size.lastLayer != Integer.MAX_VALUE;
      int needed = hasEnd ? size.lastLayer : size.firstLayer;
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
      throw new ConfigException("the model already has " + this + "; give larger sizes");
    }
    return grown;
  }

  private static void checkGrows(LayerSizes before, LayerSizes after, int layer) {
    for (SizeGroup group : SizeGroup.values()) {
      if (after.of(group) < before.of(group)) {
        throw new ConfigException(
            group.toString(),
            "%d is less than the %d of layer %d; growth only adds, use 'tokenformer shrink' to"
                    .formatted(after.of(group), before.of(group), layer)
                + " remove tokens");
      }
    }
  }

  /** Returns the form that {@link #parse} reads. */
  @Override
  public String toString() {
    String all = sizes.stream().map(Size::toString).collect(Collectors.joining(","));
    String depth = layers == 0 ? "" : LAYERS + "=" + layers;
    return all.isEmpty() || depth.isEmpty() ? all + depth : all + "," + depth;
  }
}
