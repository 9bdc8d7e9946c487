package org.tokenformer.engine.model;

import java.util.concurrent.atomic.AtomicLong;

/**
 * When native memory may be freed: after {@link #close}, which refuses new work at once, and after
 * the last operation that was under way. Kernels compute with bare addresses, so a race here would
 * be a crash of the JVM.
 */
public final class Lifetime {
  private static final long CLOSED = 1L << 62;

  private final String what;
  private final Runnable free;
  private final AtomicLong state = new AtomicLong(); // operations under way, and CLOSED

  /**
   * Begins.
   *
   * @param what names the thing in the error that work after close gets
   * @param free runs once, on the thread that ends last
   */
  public Lifetime(String what, Runnable free) {
    this.what = what;
    this.free = free;
  }

  /**
   * Before an operation.
   *
   * @throws IllegalStateException if it is closed
   */
  public void enter() {
    if ((state.incrementAndGet() & CLOSED) != 0) {
      exit();
      throw new IllegalStateException("the " + what + " is closed");
    }
  }

  /** Whether it was not closed yet. */
  boolean isOpen() {
    return (state.get() & CLOSED) == 0;
  }

  /** After an operation. */
  public void exit() {
    if (state.decrementAndGet() == CLOSED) {
      free();
    }
  }

  /** Refuses new operations, and frees when none is under way. Does nothing the second time. */
  public void close() {
    long before = state.getAndUpdate(s -> s | CLOSED);
    if (before == 0) {
      free();
    }
  }

  // A refused enter() also counts for a moment, so the count may reach CLOSED more than once:
  // only who moves it away from there frees.
  private void free() {
    if (state.compareAndSet(CLOSED, CLOSED + (1L << 61))) {
      free.run();
    }
  }
}
