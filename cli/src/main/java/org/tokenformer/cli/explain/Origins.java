package org.tokenformer.cli.explain;

import java.util.List;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/** Where the parameter tokens of a model come from. */
@FunctionalInterface
interface Origins {
  /**
   * In which step of growth a parameter token came in, 0 for those that were there first.
   *
   * @param which of the layer
   * @param index of the parameter token in its Pattention
   */
  int stageOf(int layer, BlockPattention which, int index);

  /** As a model's configuration has its history. */
  static Origins of(TokenFormerConfig config) {
    return (layer, which, index) -> {
      int stage = 0;
      for (List<LayerSizes> before : config.history()) {
        if (layer < before.size() && index < before.get(layer).of(which)) {
          break;
        }
        stage++;
      }
      return stage;
    };
  }
}
