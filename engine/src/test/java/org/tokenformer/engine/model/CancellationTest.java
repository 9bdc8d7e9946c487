package org.tokenformer.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Tensors;

/** Flags set by other threads, and interruption. */
final class CancellationTest {
  @Test
  void aFlagStaysSet() {
    Cancellation.Flag flag = new Cancellation.Flag();
    Cancellation.check(flag);
    assertFalse(Cancellation.isRequested(flag));
    flag.cancel();
    flag.cancel();
    assertTrue(flag.isCancelled());
    assertThrows(CancellationException.class, () -> Cancellation.check(flag));
    Cancellation.check(null);
  }

  @Test
  void interruptionCountsWithAndWithoutACancellation() {
    Thread.currentThread().interrupt();
    try {
      assertThrows(CancellationException.class, () -> Cancellation.check(null));
      assertThrows(CancellationException.class, () -> Cancellation.check(new Cancellation.Flag()));
    } finally {
      assertTrue(Thread.interrupted());
    }
  }

  @Test
  void anInterruptedPrefillLeavesTheSessionUnchanged() {
    try (Backend backend = new CheckedBackend(new ScalarBackend());
        TokenFormer model = Models.open(Models.config(Theta.SOFTMAX), backend, 1);
        Session session = model.newSession();
        Session fresh = model.newSession()) {
      session.prefill(new int[] {1, 2});
      Thread.currentThread().interrupt();
      assertThrows(CancellationException.class, () -> session.prefill(new int[] {3}));
      assertTrue(Thread.interrupted());
      assertEquals(2, session.length());
      assertArrayEquals(
          Tensors.get(backend, fresh.prefill(new int[] {1, 2, 3})),
          Tensors.get(backend, session.prefill(new int[] {3})));
    }
  }

  @Test
  @Timeout(60)
  void anyThreadCanSetIt() throws InterruptedException {
    try (Backend backend = new CheckedBackend(new ScalarBackend());
        TokenFormer model = Models.open(Models.config(Theta.SOFTMAX), backend, 1);
        Session session = model.newSession()) {
      Cancellation.Flag flag = new Cancellation.Flag();
      CountDownLatch under = new CountDownLatch(1);
      Thread other =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  under.await();
                } catch (InterruptedException e) {
                  return;
                }
                flag.cancel();
              });
      assertThrows(
          CancellationException.class,
          () -> {
            while (true) {
              session.truncate(0);
              session.prefill(new int[100], flag);
              under.countDown();
            }
          });
      other.join();
    }
  }
}
