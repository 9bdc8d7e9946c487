package org.tokenformer.engine.generate;

import java.util.BitSet;

/**
 * Says which ids may come next, as a grammar does, and follows what was chosen. One for each
 * continuation, since it remembers; called by the thread that chooses.
 */
public interface TokenMask {
  /**
   * Clears the ids that may not come next. Where none is left, the text is complete and ends; one
   * that is to end with an end id has to be allowed that id.
   *
   * @param allowed every id of the vocabulary is set
   */
  void narrow(BitSet allowed);

  /** Hears of an id that was chosen and does not end the text. */
  void accept(int id);
}
