package org.tokenformer.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.backend.vector.VectorBackend;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

/** Closing during work: operations finish or are rejected, and memory is freed exactly once. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class LifetimeTest {
  private static final int ROUNDS = 200;

  @Test
  void freesAfterTheLastOperation() {
    AtomicInteger freed = new AtomicInteger();
    Lifetime lifetime = new Lifetime("thing", freed::incrementAndGet);
    lifetime.enter();
    lifetime.enter();
    lifetime.exit();
    lifetime.close();
    assertEquals("the thing is closed", refusal(lifetime));
    assertEquals(0, freed.get());
    lifetime.exit();
    assertEquals(1, freed.get());
    lifetime.close();
    assertEquals("the thing is closed", refusal(lifetime));
    assertEquals(1, freed.get());
  }

  private static String refusal(Lifetime lifetime) {
    return String.valueOf(assertThrows(IllegalStateException.class, lifetime::enter).getMessage());
  }

  @Test
  void freesOnceOnWhicheverThreadEndsLast() throws InterruptedException {
    for (int round = 0; round < 800; round++) {
      AtomicInteger freed = new AtomicInteger();
      AtomicInteger inside = new AtomicInteger();
      Lifetime lifetime =
          new Lifetime(
              "thing",
              () -> {
                assertEquals(0, inside.get(), "freed during an operation");
                freed.incrementAndGet();
              });
      race(
          () -> {
            for (int i = 0; i < 20; i++) {
              lifetime.enter();
              inside.incrementAndGet();
              inside.decrementAndGet();
              lifetime.exit();
            }
          },
          () -> {
            for (int i = 0; i < 20; i++) {
              lifetime.enter();
              inside.incrementAndGet();
              inside.decrementAndGet();
              lifetime.exit();
            }
          },
          lifetime::close,
          lifetime::close);
      assertEquals(1, freed.get());
    }
  }

  /** Runs all concurrently; any failure other than IllegalStateException fails the test. */
  private static void race(Runnable... runners) throws InterruptedException {
    ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    CountDownLatch start = new CountDownLatch(1);
    List<Thread> threads = new ArrayList<>();
    for (Runnable runner : runners) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try {
                  start.await();
                  runner.run();
                } catch (IllegalStateException e) {
                  return; // rejected as expected
                } catch (Throwable e) {
                  failures.add(e);
                }
              }));
    }
    start.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    for (Throwable failure : failures) {
      throw new AssertionError(failure);
    }
  }

  @Test
  void racingThreads() throws InterruptedException {
    Random random = Seeds.random("LifetimeTest.racingThreads");
    TokenFormerConfig config = Models.config(Theta.L2_NORM_GELU);
    long before = HostScope.liveBytes();
    AtomicInteger steps = new AtomicInteger();
    for (int round = 0; round < ROUNDS; round++) {
      Backend backend = new CheckedBackend(new VectorBackend(1 + round % 3));
      TokenFormer model = Models.open(config, backend, 1);
      Session shared = model.newSession();
      int spins = random.nextInt(40_000);
      int kind = round % 3;
      race(
          () -> work(model, steps),
          () -> work(model, steps),
          () -> {
            for (int i = 0; i < 20; i++) {
              Tensors.get(backend, shared.decode(i));
              steps.incrementAndGet();
            }
          },
          () -> {
            for (int i = 0; i < spins; i++) {
              Thread.onSpinWait();
            }
            switch (kind) {
              case 0 -> model.close();
              case 1 -> shared.close();
              default -> backend.close();
            }
          });
      shared.close();
      model.close();
      backend.close();
      assertEquals(before, HostScope.liveBytes(), "round " + round);
    }
    System.out.println(steps + " steps in " + ROUNDS + " rounds");
    assertTrue(steps.get() > ROUNDS, "everything was rejected");
  }

  private static void work(TokenFormer model, AtomicInteger steps) {
    for (int i = 0; i < 3; i++) {
      try (Session session = model.newSession()) {
        session.prefill(new int[] {1, 2, 3});
        try (Session fork = session.fork()) {
          fork.decode(4);
          steps.incrementAndGet();
        }
      }
    }
  }
}
