package org.tokenformer.engine.model.training;

import org.tokenformer.engine.model.BlockPattention;

/**
 * Derives the seeds of dropout: a different one for every Pattention of every micro-batch of every
 * step of a run, and the same ones when a run is repeated or resumed.
 *
 * @param run seed of the run
 * @param step step of the run
 * @param microBatch index of the micro-batch in the step
 */
public record DropoutSeeds(long run, long step, int microBatch) {
  /** Returns the seed of one Pattention of a layer. */
  int of(int layer, BlockPattention which) {
    return (int) SplitMix.hash(run, step, microBatch, layer, number(which));
  }

  // Fixed: other numbers would change the results of a resumed run.
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
