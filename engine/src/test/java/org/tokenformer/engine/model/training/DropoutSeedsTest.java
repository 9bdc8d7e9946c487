package org.tokenformer.engine.model.training;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.PerPattention;

/** Resumed runs depend on these seeds, even if the enum changes. */
final class DropoutSeedsTest {
  @Test
  void everyPattentionKeepsItsNumber() {
    DropoutSeeds seeds = new DropoutSeeds(11, 12, 13);
    PerPattention<Integer> numbers = new PerPattention<>(0, 1, 2, 3, 4);
    for (BlockPattention which : BlockPattention.values()) {
      assertEquals((int) SplitMix.hash(11, 12, 13, 14, numbers.get(which)), seeds.of(14, which));
    }
  }
}
