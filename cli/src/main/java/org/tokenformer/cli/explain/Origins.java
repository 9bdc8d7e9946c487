package org.tokenformer.cli.explain;

import java.util.List;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/** Maps parameter tokens to the growth stages that added them. */
@FunctionalInterface
interface Origins {
  /**
   * Returns the growth stage that added a parameter token; 0 for original ones.
   *
   * @param which the Pattention of the layer
   * @param index the index of the parameter token in its Pattention
   */
  int stageOf(int layer, BlockPattention which, int index);

  /** Returns the stages according to the history in the configuration. */
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
