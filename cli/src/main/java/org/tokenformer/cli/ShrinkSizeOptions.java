package org.tokenformer.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import picocli.CommandLine.Option;

/** The number of parameter tokens to keep in each layer. */
final class ShrinkSizeOptions {
  @Option(
      names = "--qkv",
      paramLabel = "N|P%",
      description =
          "Parameter tokens to keep in each query, key and value Pattention. Default: all.")
  private @Nullable TokenCount qkv;

  @Option(
      names = "--proj",
      paramLabel = "N|P%",
      description = "Parameter tokens to keep in each attention output projection. Default: all.")
  private @Nullable TokenCount proj;

  @Option(
      names = "--ffn",
      paramLabel = "N|P%",
      description = "Parameter tokens to keep in each feed-forward Pattention. Default: all.")
  private @Nullable TokenCount ffn;

  /**
   * Returns the requested sizes of each layer.
   *
   * @throws UserError if no option is given, or if they leave the model unchanged
   */
  List<LayerSizes> of(TokenFormerConfig config) {
    if (qkv == null && proj == null && ffn == null) {
      throw new UserError("no size is given; give at least one of --qkv, --proj and --ffn");
    }
    List<LayerSizes> sizes =
        config.layers().stream()
            .map(present ->
                new LayerSizes(
                    size(qkv, present.qkv(), "--qkv"),
                    size(proj, present.proj(), "--proj"),
                    size(ffn, present.ffn(), "--ffn")))
            .toList();
    if (sizes.equals(config.layers())) {
      throw new UserError("the model already has these sizes; give smaller ones");
    }
    return sizes;
  }

  private static int size(@Nullable TokenCount count, int present, String option) {
    return count == null ? present : count.of(present, option);
  }
}
