package org.tokenformer.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.model.Presets;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import picocli.CommandLine.Option;

/** The sizes of a new model: a preset, individual options, or a preset with some sizes changed. */
final class ModelSizeOptions {
  private static final int DEFAULT_CONTEXT = 512;
  private static final int MAX_HIDDEN = 1 << 22;

  @Option(
      names = "--preset",
      paramLabel = "NAME",
      description = "Sizes of a named model: laptop-7M, laptop-15M, 150M, 450M, 900M, 1.5B.")
  private @Nullable String preset;

  @Option(names = "--layers", paramLabel = "N", description = "Number of layers.")
  private @Nullable Integer layers;

  @Option(names = "--hidden", paramLabel = "N", description = "Hidden size (channels).")
  private @Nullable Integer hidden;

  @Option(
      names = "--heads",
      paramLabel = "N",
      description = "Number of attention heads; must divide the hidden size.")
  private @Nullable Integer heads;

  @Option(
      names = "--qkv",
      paramLabel = "N",
      description =
          "Parameter tokens of each query, key and value Pattention. Default: the"
              + " preset's, or the hidden size.")
  private @Nullable Integer qkv;

  @Option(
      names = "--proj",
      paramLabel = "N",
      description =
          "Parameter tokens of the attention output projection. Default: the preset's,"
              + " or the hidden size.")
  private @Nullable Integer proj;

  @Option(
      names = "--ffn",
      paramLabel = "N",
      description =
          "Parameter tokens of the feed-forward Pattention. Default: the preset's, or four times"
              + " the hidden size.")
  private @Nullable Integer ffn;

  @Option(
      names = "--theta",
      paramLabel = "NAME",
      description =
          "Activation of the Pattentions: l2_norm_gelu, gelu_l2_norm or softmax."
              + " Default: l2_norm_gelu.")
  private @Nullable String theta;

  @Option(
      names = "--context",
      paramLabel = "N",
      description = "Context length in tokens. Default: the preset's, or 512.")
  private @Nullable Integer context;

  /** Returns the names of the given options. */
  List<String> given() {
    List<String> names = new ArrayList<>();
    add(names, "--preset", preset);
    add(names, "--layers", layers);
    add(names, "--hidden", hidden);
    add(names, "--heads", heads);
    add(names, "--qkv", qkv);
    add(names, "--proj", proj);
    add(names, "--ffn", ffn);
    add(names, "--theta", theta);
    add(names, "--context", context);
    return names;
  }

  private static void add(List<String> names, String name, @Nullable Object value) {
    if (value != null) {
      names.add(name);
    }
  }

  /** Returns the configuration for a tokenizer with this number of ids. */
  TokenFormerConfig config(int tokenizerIds) {
    TokenFormerConfig base = preset == null ? defaults(tokenizerIds) : Presets.get(preset);
    LayerSizes sizes = base.layers().getFirst();
    return TokenFormerConfig.uniform(
        orElse(layers, base.layers().size()),
        new LayerSizes(
            orElse(qkv, sizes.qkv()), orElse(proj, sizes.proj()), orElse(ffn, sizes.ffn())),
        orElse(hidden, base.hiddenSize()),
        orElse(heads, base.heads()),
        tokenizerIds,
        orElse(context, base.contextLength()),
        theta == null ? base.theta() : theta(theta));
  }

  /** Returns the default sizes without a preset, in the proportions of the released models. */
  private TokenFormerConfig defaults(int tokenizerIds) {
    if (layers == null || hidden == null || heads == null) {
      throw new UserError(
          "a new model needs sizes: give --preset (one of %s), or --layers, --hidden and --heads"
              .formatted(String.join(", ", Presets.names())));
    }
    // Larger values are rejected later, with the option named.
    int channels = Math.clamp(hidden, 1, MAX_HIDDEN);
    return TokenFormerConfig.uniform(
        layers,
        new LayerSizes(channels, channels, 4 * channels),
        hidden,
        heads,
        tokenizerIds,
        DEFAULT_CONTEXT,
        Theta.L2_NORM_GELU);
  }

  private static int orElse(@Nullable Integer given, int defaultValue) {
    return given == null ? defaultValue : given;
  }

  private static Theta theta(String name) {
    for (Theta theta : Theta.values()) {
      if (theta.configName().equals(name)) {
        return theta;
      }
    }
    List<String> known = Arrays.stream(Theta.values()).map(Theta::configName).toList();
    throw new UserError("--theta: '%s' is not one of %s".formatted(name, String.join(", ", known)));
  }
}
