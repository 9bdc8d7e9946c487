package org.tokenformer.engine.model;

import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/**
 * Tells running work whether to stop. It is polled between layers and between chunks of a prompt,
 * so it must be quick. Work that polls is also cancelled when its thread is interrupted, with or
 * without a {@code Cancellation}; the thread's interrupted status stays set.
 */
@FunctionalInterface
public interface Cancellation {
  /** Returns whether the work should stop. */
  boolean isCancelled();

  /**
   * Returns whether work on this thread should stop: it was cancelled, or the thread was
   * interrupted.
   */
  static boolean isRequested(@Nullable Cancellation cancellation) {
    return Thread.currentThread().isInterrupted()
        || (cancellation != null && cancellation.isCancelled());
  }

  /**
   * Throws if the work should stop.
   *
   * @throws CancellationException if the work was cancelled or the thread was interrupted
   */
  static void check(@Nullable Cancellation cancellation) {
    if (isRequested(cancellation)) {
      throw new CancellationException("cancelled");
    }
  }

  /** A cancellation flag that any thread can set; it stays set. */
  final class Flag implements Cancellation {
    private volatile boolean cancelled;

    /** Creates a flag that is not set. */
    public Flag() {}

    /** Sets the flag; work that was given it stops at its next poll. */
    public void cancel() {
      cancelled = true;
    }

    @Override
    public boolean isCancelled() {
      return cancelled;
    }
  }
}
