package org.tokenformer.engine.generate;

/** Receives each id as soon as it is chosen, and decides whether to continue. */
@FunctionalInterface
public interface TokenConsumer {
  /**
   * Receives an id.
   *
   * @return whether to continue
   */
  boolean accept(int id);
}
