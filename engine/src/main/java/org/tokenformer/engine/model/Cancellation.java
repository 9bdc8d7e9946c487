package org.tokenformer.engine.model;

import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/** Asked between layers and between chunks of a prompt whether to go on; must be quick. */
@FunctionalInterface
public interface Cancellation {
  /** Whether the work is no longer wanted. */
  boolean isCancelled();

  /** Ends the work if it is no longer wanted. */
  static void check(@Nullable Cancellation cancellation) {
    if (cancellation != null && cancellation.isCancelled()) {
      throw new CancellationException("cancelled");
    }
  }
}
