package org.tokenformer.engine.model;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Frees native memory when it is safe: after {@link #close}, which immediately rejects new
 * operations, and after the last running operation. Kernels compute with raw addresses, so a race
 * here would crash the JVM.
 */
public final class Lifetime {
  private static final long CLOSED = 1L << 62;

  private final String what;
  private final Runnable free;
  private final AtomicLong state = new AtomicLong(); // number of running operations, plus CLOSED

  /**
   * Starts the lifetime.
   *
   * @param what names the object in the error of operations after close
   * @param free frees the memory; runs once, on the thread that ends last
   */
  public Lifetime(String what, Runnable free) {
    this.what = what;
    this.free = free;
  }

  /**
   * Registers an operation before it starts.
   *
   * @throws IllegalStateException if it is closed
   */
  public void enter() {
    if ((state.incrementAndGet() & CLOSED) != 0) {
      exit();
      throw new IllegalStateException("the " + what + " is closed");
    }
  }

  /** Returns whether it has not been closed yet. */
  boolean isOpen() {
    return (state.get() & CLOSED) == 0;
  }

  /** Unregisters an operation after it has ended. */
  public void exit() {
    if (state.decrementAndGet() == CLOSED) {
      free();
    }
  }

  /** Rejects new operations, and frees when none is running. Does nothing the second time. */
  public void close() {
    long before = state.getAndUpdate(s -> s | CLOSED);
    if (before == 0) {
      free();
    }
  }

  // A rejected enter() also counts briefly, so the state may reach CLOSED more than once: only the
  // thread that moves it on from there frees.
  private void free() {
    if (state.compareAndSet(CLOSED, CLOSED + (1L << 61))) {
      free.run();
    }
  }
}
