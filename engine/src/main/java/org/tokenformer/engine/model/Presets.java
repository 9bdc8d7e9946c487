package org.tokenformer.engine.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/**
 * Named model sizes: those of the released models (paper, table 1), and smaller ones for laptops.
 */
public final class Presets {
  private static final Map<String, TokenFormerConfig> ALL = new LinkedHashMap<>();

  static {
    add("laptop-7M", 6, 256, 8, 1024, 4096, 256);
    add("laptop-15M", 6, 384, 6, 1536, 4096, 512);
    add("150M", 12, 768, 12, 3072, 50304, 2048);
    add("450M", 24, 1024, 16, 4096, 50304, 2048);
    add("900M", 32, 1280, 16, 5120, 50304, 2048);
    add("1.5B", 40, 1536, 16, 6144, 50304, 2048);
  }

  private Presets() {}

  /** Adds a preset. Query, key, value and projection have as many parameter tokens as channels. */
  private static void add(
      String name, int layers, int channels, int heads, int ffn, int vocabulary, int context) {
    LayerSizes layer = new LayerSizes(channels, channels, ffn);
    ALL.put(
        name,
        TokenFormerConfig.uniform(
            layers, layer, channels, heads, vocabulary, context, Theta.L2_NORM_GELU));
  }

  /** Returns all names, from small to large. */
  public static List<String> names() {
    return List.copyOf(ALL.keySet());
  }

  /**
   * Returns the configuration of a preset.
   *
   * @throws ConfigException if there is no such preset; the message lists the presets
   */
  public static TokenFormerConfig get(String name) {
    TokenFormerConfig config = ALL.get(name);
    if (config == null) {
      throw ConfigException.of(
          "preset", name, "'" + name + "' is unknown; choose one of " + String.join(", ", names()));
    }
    return config;
  }
}
