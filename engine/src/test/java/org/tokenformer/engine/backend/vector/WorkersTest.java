package org.tokenformer.engine.backend.vector;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.testing.Seeds;

/**
 * Tests that every member runs once, barriers wait for all, failures leave the team usable, and
 * threads end.
 */
@Timeout(value = 30, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class WorkersTest {
  private static final int PHASES = 4;
  private static final int PIECES = 23;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void everyoneWorksOnceAndMeetsAtBarriers(int threads) {
    int rounds = threads > 2 ? 400 : 3000;
    try (Workers workers = new Workers(threads)) {
      assertEquals(threads, workers.threads());
      for (int round = 0; round < rounds; round++) {
        AtomicIntegerArray runs = new AtomicIntegerArray(threads);
        AtomicIntegerArray pieces = new AtomicIntegerArray(PHASES * PIECES);
        AtomicInteger early = new AtomicInteger();
        AtomicInteger here = new AtomicInteger();
        workers.run(worker -> {
          runs.incrementAndGet(worker);
          for (int phase = 0; phase < PHASES; phase++) {
            for (int i = workers.next(); i < PIECES; i = workers.next()) {
              pieces.incrementAndGet(phase * PIECES + i);
            }
            here.incrementAndGet();
            workers.barrier(worker);
            if (here.get() < (phase + 1) * threads) {
              early.incrementAndGet();
            }
          }
        });
        assertEquals(0, early.get(), "a member left a barrier early");
        for (int i = 0; i < threads; i++) {
          assertEquals(1, runs.get(i), "runs of worker " + i);
        }
        for (int i = 0; i < PHASES * PIECES; i++) {
          assertEquals(1, pieces.get(i), "piece " + i);
        }
      }
    }
  }

  /**
   * Lets the first member take all pieces: each is handed out once, and after one piece of every
   * run comes the neighbour.
   */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void neighboursAreOfOneRun(int threads) {
    try (Workers workers = new Workers(threads)) {
      for (int count : new int[] {0, 1, 2, 6, 7, 8, PIECES}) {
        List<Integer> taken = new ArrayList<>();
        workers.run(worker -> {
          if (worker == 0) {
            for (int i = workers.next(count); i < count; i = workers.next(count)) {
              taken.add(i);
            }
          }
        });
        assertEquals(IntStream.range(0, count).boxed().toList(), taken.stream().sorted().toList());
        for (int i = threads; i < count; i++) {
          assertEquals(taken.get(i - threads) + 1, taken.get(i), "piece " + i + " of " + count);
        }
      }
    }
  }

  @Test
  void theCallerIsAloneAtFirst() {
    try (Workers workers = new Workers(3, TimeUnit.DAYS.toNanos(1))) {
      for (int round = 0; round < 100; round++) {
        List<Integer> here = new ArrayList<>();
        workers.run(worker -> {
          here.add(worker);
          for (int i = workers.next(PIECES); i < PIECES; i = workers.next(PIECES)) {
            here.add(i);
          }
          workers.barrier(worker);
          here.add(workers.next());
        });
        List<Integer> expected = new ArrayList<>(IntStream.range(0, PIECES).boxed().toList());
        expected.addFirst(0);
        expected.add(0);
        assertEquals(expected, here);
      }
    }
  }

  @Test
  void andThenAllWork() {
    try (Workers workers = new Workers(3, TimeUnit.MILLISECONDS.toNanos(2))) {
      AtomicInteger members = new AtomicInteger();
      while (members.get() < 3) { // until the time limit of this test
        members.set(0);
        workers.run(worker -> {
          workers.barrier(worker);
          members.incrementAndGet();
        });
      }
      workers.run(worker -> {
        workers.barrier(worker);
        members.incrementAndGet();
      });
      assertEquals(6, members.get());
    }
  }

  /** Pauses for random times, so that members park, are woken, or spin at any moment. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void pausesOfAllLengths(int threads) {
    Random random = Seeds.random("WorkersTest.pauses");
    try (Workers workers = new Workers(threads)) {
      for (int round = 0; round < 300; round++) {
        int slow = random.nextInt(threads);
        long nanos = random.nextInt(150_000);
        AtomicInteger sum = new AtomicInteger();
        pause(random.nextInt(100_000));
        workers.run(worker -> {
          if (worker == slow) {
            pause(nanos);
          }
          workers.barrier(worker);
          sum.incrementAndGet();
        });
        assertEquals(threads, sum.get());
      }
    }
  }

  private static void pause(long nanos) {
    long end = System.nanoTime() + nanos;
    while (System.nanoTime() < end) {
      Thread.onSpinWait();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void failuresSurfaceAndTheTeamStaysUsable(int threads) {
    Random random = Seeds.random("WorkersTest.failures");
    int rounds = threads > 2 ? 300 : 2000;
    try (Workers workers = new Workers(threads)) {
      for (int round = 0; round < rounds; round++) {
        int failing = random.nextInt(threads);
        int when = random.nextInt(3);
        long nanos = random.nextInt(round % 10 == 0 ? 120_000 : 2_000);
        Throwable thrown =
            round % 2 == 0 ? new ArithmeticException("broken") : new AssertionError("broken");
        IllegalStateException e =
            assertThrows(
                IllegalStateException.class,
                () ->
                    workers.run(worker -> {
                      for (int phase = 0; phase < 3; phase++) {
                        if (worker == failing && phase == when) {
                          pause(nanos);
                          WorkersTest.<RuntimeException>fail(thrown);
                        }
                        workers.barrier(worker);
                      }
                    }));
        assertSame(thrown, e.getCause());
        assertTrue(String.valueOf(e.getMessage()).contains("broken"));
        AtomicInteger sum = new AtomicInteger();
        workers.run(worker -> {
          workers.barrier(worker);
          for (int i = workers.next(); i < 10; i = workers.next()) {
            sum.addAndGet(i);
          }
        });
        assertEquals(45, sum.get());
      }
    }
  }

  @SuppressWarnings("unchecked") // throws any exception, checked or not
  private static <T extends Throwable> void fail(Throwable thrown) throws T {
    throw (T) thrown;
  }

  @Test
  void everyoneMayFailAtOnce() {
    try (Workers workers = new Workers(3)) {
      for (int round = 0; round < 300; round++) {
        assertThrows(
            IllegalStateException.class,
            () ->
                workers.run(worker -> {
                  throw new ArithmeticException("worker " + worker);
                }));
      }
    }
  }

  @Test
  void callersMayChange() throws InterruptedException {
    try (Workers workers = new Workers(2)) {
      for (int round = 0; round < 200; round++) {
        AtomicInteger sum = new AtomicInteger();
        Thread caller =
            Thread.ofPlatform()
                .start(() ->
                    workers.run(worker -> {
                      workers.barrier(worker);
                      sum.incrementAndGet();
                    }));
        caller.join();
        assertEquals(2, sum.get());
      }
    }
  }

  @Test
  void anInterruptedCallerIsServed() {
    try (Workers workers = new Workers(3)) {
      Thread.currentThread().interrupt();
      AtomicInteger sum = new AtomicInteger();
      for (int round = 0; round < 50; round++) {
        workers.run(worker -> {
          workers.barrier(worker);
          sum.incrementAndGet();
        });
      }
      assertTrue(Thread.interrupted(), "the interrupt flag was lost");
      assertEquals(150, sum.get());
    }
  }

  private static List<Thread> threads() {
    Thread[] all = new Thread[Thread.activeCount() + 64];
    int count = Thread.enumerate(all);
    return new ArrayList<>(
        Arrays.stream(all, 0, count)
            .filter(thread -> thread.getName().startsWith("tokenformer-worker-"))
            .toList());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void closingEndsTheThreads(int count) throws InterruptedException {
    for (boolean used : new boolean[] {false, true}) {
      List<Thread> others = threads();
      Workers workers = new Workers(count);
      List<Thread> own = threads();
      own.removeAll(others);
      assertEquals(count - 1, own.size());
      assertTrue(own.stream().allMatch(Thread::isDaemon));
      if (used) {
        workers.run(worker -> {});
      }
      workers.close();
      workers.close();
      for (Thread thread : own) {
        thread.join(10_000);
        assertFalse(thread.isAlive());
      }
      assertThrows(IllegalStateException.class, () -> workers.run(worker -> {}));
    }
  }
}
