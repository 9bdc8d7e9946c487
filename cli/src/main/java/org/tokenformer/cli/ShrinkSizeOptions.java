package org.tokenformer.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import picocli.CommandLine.Option;

/** How many parameter tokens a smaller model keeps in each layer. */
final class ShrinkSizeOptions {
  @Option(
      names = "--qkv",
      paramLabel = "N|P%",
      description =
          "Parameter tokens that each of query, key and value keeps in a layer: a number, or a share of"
              + " what there is. By default all.")
  private @Nullable TokenCount qkv;

  @Option(names = "--proj", paramLabel = "N|P%", description = "The same of the projection.")
  private @Nullable TokenCount proj;

  @Option(names = "--ffn", paramLabel = "N|P%", description = "The same of the feed-forward part.")
  private @Nullable TokenCount ffn;

  /**
   * The sizes that are wanted, a layer each.
   *
   * @throws UserError if none was given, or all that were leave the model as it is
   */
  List<LayerSizes> of(TokenFormerConfig config) {
    if (qkv == null && proj == null && ffn == null) {
      throw new UserError("no size was given; name at least one of --qkv, --proj and --ffn");
    }
    List<LayerSizes> sizes =
        config.layers().stream()
            .map(had ->
                new LayerSizes(
                    size(qkv, had.qkv(), "--qkv"),
                    size(proj, had.proj(), "--proj"),
                    size(ffn, had.ffn(), "--ffn")))
            .toList();
    if (sizes.equals(config.layers())) {
      throw new UserError("the model has these sizes already; name smaller ones");
    }
    return sizes;
  }

  private static int size(@Nullable TokenCount count, int had, String option) {
    return count == null ? had : count.of(had, option);
  }
}
