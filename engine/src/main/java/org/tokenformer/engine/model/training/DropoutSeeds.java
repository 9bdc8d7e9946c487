package org.tokenformer.engine.model.training;

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
  public int of(int layer, int pattention) {
    return (int) SplitMix.hash(run, step, microBatch, layer, pattention);
  }
}
