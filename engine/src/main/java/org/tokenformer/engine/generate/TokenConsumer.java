package org.tokenformer.engine.generate;

/** Receives ids as they are chosen, and decides whether there shall be another. */
@FunctionalInterface
public interface TokenConsumer {
  /**
   * Takes an id.
   *
   * @return whether to go on
   */
  boolean accept(int id);
}
