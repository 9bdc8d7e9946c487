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

/**
 * The sizes of a new model: those of a preset, or of each option, or a preset with some changed.
 */
final class ModelSizeOptions {
  private static final int DEFAULT_CONTEXT = 512;
  private static final int LARGEST_HIDDEN = 1 << 22;

  @Option(
      names = "--preset",
      paramLabel = "NAME",
      description = "Sizes by name: laptop-7M, laptop-15M, 150M, 450M, 900M, 1.5B.")
  private @Nullable String preset;

  @Option(names = "--layers", paramLabel = "N", description = "Layers.")
  private @Nullable Integer layers;

  @Option(names = "--hidden", paramLabel = "N", description = "Channels.")
  private @Nullable Integer hidden;

  @Option(
      names = "--heads",
      paramLabel = "N",
      description = "Heads of the attention; they share the channels.")
  private @Nullable Integer heads;

  @Option(
      names = "--qkv",
      paramLabel = "N",
      description =
          "Parameter tokens of each of query, key and value, by default as many as channels.")
  private @Nullable Integer qkv;

  @Option(
      names = "--proj",
      paramLabel = "N",
      description = "Parameter tokens of the projection, by default as many as channels.")
  private @Nullable Integer proj;

  @Option(
      names = "--ffn",
      paramLabel = "N",
      description =
          "Parameter tokens of the feed-forward part, by default four times as many as channels.")
  private @Nullable Integer ffn;

  @Option(
      names = "--theta",
      paramLabel = "NAME",
      description = "Kind of Pattention: l2_norm_gelu (the default), gelu_l2_norm or softmax.")
  private @Nullable String theta;

  @Option(
      names = "--context",
      paramLabel = "N",
      description = "Positions that the model has, by default the preset's, else 512.")
  private @Nullable Integer context;

  /** Those of these options that were given. */
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

  /** What the options ask for, for a tokenizer of that many ids. */
  TokenFormerConfig config(int tokenizerIds) {
    TokenFormerConfig base = preset == null ? plain(tokenizerIds) : Presets.get(preset);
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

  /** Without a preset: as the released models are made. */
  private TokenFormerConfig plain(int tokenizerIds) {
    if (layers == null || hidden == null || heads == null) {
      throw new UserError(
          "a new model needs sizes: --preset, one of %s; or --layers, --hidden and --heads"
              .formatted(String.join(", ", Presets.names())));
    }
    int channels = Math.clamp(hidden, 1, LARGEST_HIDDEN); // beyond that they are refused by name
    return TokenFormerConfig.uniform(
        layers,
        new LayerSizes(channels, channels, 4 * channels),
        hidden,
        heads,
        tokenizerIds,
        DEFAULT_CONTEXT,
        Theta.L2_NORM_GELU);
  }

  private static int orElse(@Nullable Integer given, int otherwise) {
    return given == null ? otherwise : given;
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
