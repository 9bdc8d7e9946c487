package org.tokenformer.engine.model.training;

import org.tokenformer.engine.model.BlockPattention;

/**
 * Where the seeds of dropout come from: another one for every Pattention of every micro-batch of
 * every step of a run, and the same one again when a run is repeated or resumed.
 *
 * @param run the seed of the run
 * @param step of the run
 * @param microBatch of the step
 */
public record DropoutSeeds(long run, long step, int microBatch) {
  /** The seed of one Pattention of a layer. */
  int of(int layer, BlockPattention which) {
    return (int) SplitMix.hash(run, step, microBatch, layer, number(which));
  }

  // Fixed: another number would make another run of one that is resumed.
  private static int number(BlockPattention which) {
    return switch (which) {
      case QUERY -> 0;
      case KEY -> 1;
      case VALUE -> 2;
      case PROJECTION -> 3;
      case FFN -> 4;
    };
  }
}
