package org.tokenformer.engine.model;

import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/**
 * Asked between layers and between chunks of a prompt whether to go on; must be quick. All work
 * that asks ends as cancelled, too, when its thread is interrupted, with or without a cancellation,
 * and leaves the thread's interrupted status set.
 */
@FunctionalInterface
public interface Cancellation {
  /** Whether the work is no longer wanted. */
  boolean isCancelled();

  /** Whether work on this thread is to end: it was cancelled, or the thread interrupted. */
  static boolean isRequested(@Nullable Cancellation cancellation) {
    return Thread.currentThread().isInterrupted()
        || (cancellation != null && cancellation.isCancelled());
  }

  /**
   * Ends the work if it is no longer wanted.
   *
   * @throws CancellationException if it was cancelled, or the thread interrupted
   */
  static void check(@Nullable Cancellation cancellation) {
    if (isRequested(cancellation)) {
      throw new CancellationException("cancelled");
    }
  }

  /** A cancellation that any thread can trip; it stays tripped. */
  final class Flag implements Cancellation {
    private volatile boolean cancelled;

    /** Not tripped yet. */
    public Flag() {}

    /** Ends the work that was given this flag, at its next question. */
    public void cancel() {
      cancelled = true;
    }

    @Override
    public boolean isCancelled() {
      return cancelled;
    }
  }
}
