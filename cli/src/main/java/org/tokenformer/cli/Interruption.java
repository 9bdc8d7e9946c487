package org.tokenformer.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.tokenformer.engine.model.Cancellation;

/**
 * Ctrl-C, or any other end of the process, as a cancellation. The process waits a moment for the
 * work to come to a clean end and to close this; then the JVM ends with 128 and the number of the
 * signal, as shells expect: 130 for Ctrl-C.
 */
final class Interruption implements Cancellation, AutoCloseable {
  private static final int EXIT_CODE = 130;
  private static final int PATIENCE_SECONDS = 5;

  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread hook = new Thread(this::interrupt, "tokenformer-interruption");
  private volatile boolean interrupted;

  Interruption() {
    try {
      Runtime.getRuntime().addShutdownHook(hook);
    } catch (IllegalStateException e) { // the process is ending already
      interrupted = true;
    }
  }

  private void interrupt() {
    interrupted = true;
    try {
      boolean _ = closed.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public boolean isCancelled() {
    return interrupted;
  }

  /** What the command returns, though the JVM has its own exit code by then. */
  int exitCode() {
    return interrupted ? EXIT_CODE : 0;
  }

  @Override
  public void close() {
    closed.countDown();
    if (!interrupted) {
      try {
        boolean _ = Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        interrupted = true;
      }
    }
  }
}
