package org.tokenformer.cli.explain;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/** A model that grew twice, and got its second layer the second time. */
final class OriginsTest {
  private static final LayerSizes FIRST = new LayerSizes(8, 4, 16);
  private static final LayerSizes SECOND = new LayerSizes(8, 6, 32);
  private static final LayerSizes NOW = new LayerSizes(10, 6, 40);

  private static TokenFormerConfig config(List<List<LayerSizes>> history) {
    return TokenFormerConfig.uniform(2, NOW, 32, 2, 100, 16, Theta.SOFTMAX)
        .withLayers(List.of(NOW, NOW), Map.of(), history);
  }

  @Test
  void theStageIsThatOfTheFirstSizesThatHoldAToken() {
    Origins origins = Origins.of(config(List.of(List.of(FIRST), List.of(SECOND))));
    assertEquals(0, origins.stageOf(0, BlockPattention.FFN, 15));
    assertEquals(1, origins.stageOf(0, BlockPattention.FFN, 16));
    assertEquals(1, origins.stageOf(0, BlockPattention.FFN, 31));
    assertEquals(2, origins.stageOf(0, BlockPattention.FFN, 32));
    assertEquals(1, origins.stageOf(0, BlockPattention.PROJECTION, 5));
    assertEquals(0, origins.stageOf(0, BlockPattention.VALUE, 7));
    assertEquals(2, origins.stageOf(0, BlockPattention.QUERY, 8));
    assertEquals(2, origins.stageOf(1, BlockPattention.FFN, 0));
  }

  @Test
  void aModelThatNeverGrewIsAllFromTheStart() {
    Origins origins = Origins.of(config(List.of()));
    assertEquals(0, origins.stageOf(0, BlockPattention.FFN, 0));
    assertEquals(0, origins.stageOf(1, BlockPattention.KEY, 9));
  }
}
