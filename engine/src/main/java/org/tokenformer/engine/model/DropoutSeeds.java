package org.tokenformer.engine.model;

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
  int of(int layer, int pattention) {
    long hash = mix(run);
    hash = mix(hash + step);
    hash = mix(hash + microBatch);
    hash = mix(hash + TensorNames.PATTENTIONS.size() * (long) layer + pattention);
    return (int) (hash >>> Integer.SIZE);
  }

  // The finaliser of SplitMix64 (Steele, Lea and Flood 2014) after a step of its golden gamma.
  private static long mix(long bits) {
    bits += 0x9E3779B97F4A7C15L;
    bits = (bits ^ bits >>> 30) * 0xBF58476D1CE4E5B9L;
    bits = (bits ^ bits >>> 27) * 0x94D049BB133111EBL;
    return bits ^ bits >>> 31;
  }
}
