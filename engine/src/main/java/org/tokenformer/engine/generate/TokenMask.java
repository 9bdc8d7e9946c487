package org.tokenformer.engine.generate;

import java.util.BitSet;

/**
 * Restricts which ids may be chosen next, for example by a grammar, and keeps track of the chosen
 * ids. Stateful: each continuation needs its own. Called by the thread that chooses the ids.
 */
public interface TokenMask {
  /**
   * Clears the ids that are not allowed next. If none remains, the text is complete and ends. To
   * end the text with an end id, allow that id.
   *
   * @param allowed has every id of the vocabulary set on entry
   */
  void narrow(BitSet allowed);

  /** Records an id that was chosen and does not end the text. */
  void accept(int id);
}
