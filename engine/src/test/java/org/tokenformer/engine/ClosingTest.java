package org.tokenformer.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.PrimitiveIterator;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.engine.LanguageModel.Options;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;

/** Closing a model while it is in use: calls in progress complete, later ones are rejected. */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class ClosingTest {
  private static final int ROUNDS = 60;
  private static final int TOKENS = 12;
  private static final String REFUSAL = "the model is closed";

  @TempDir private Path parent;
  private Path folder;

  @BeforeEach
  void save() throws IOException {
    folder = Models.save(parent.resolve("m"), Models.config(Theta.GELU_L2_NORM), DType.F32, 4);
  }

  /** One kind of work, repeated until it is rejected. */
  @FunctionalInterface
  private interface Work {
    void on(LanguageModel model);
  }

  private final AtomicInteger done = new AtomicInteger();

  private final List<Work> works =
      List.of(
          model -> {
            List<Integer> ids = new ArrayList<>();
            model.generate(new int[] {1, 2, 3}, GenerationOptions.of(TOKENS), ids::add);
            assertEquals(TOKENS, ids.size());
          },
          model -> {
            try (IntStream ids = model.stream(new int[] {4, 5}, GenerationOptions.of(TOKENS))) {
              assertEquals(TOKENS, ids.count());
            }
          },
          model -> {
            double[] scores = model.score(Models.ids(new Random(1), 100));
            assertTrue(Arrays.stream(scores, 1, 100).allMatch(Double::isFinite));
          },
          model -> {
            try (Session session = model.newSession()) {
              session.prefill(Models.ids(new Random(2), 50));
              session.decode(1);
            }
          });

  @Test
  void racingThreads() throws Exception {
    Random random = Seeds.random("ClosingTest.racingThreads");
    long memory = HostScope.liveBytes();
    long threads = workers();
    for (int round = 0; round < ROUNDS; round++) {
      LanguageModel model =
          LanguageModel.load(folder, new Options("vector", 1 + round % 3, LoadMode.MAP));
      race(model, random.nextInt(4_000_000));
      assertEquals(memory, HostScope.liveBytes(), "round " + round);
    }
    System.out.println(done + " calls in " + ROUNDS + " rounds");
    assertTrue(done.get() > ROUNDS, "all calls were rejected");
    awaitWorkers(threads);
  }

  /** Runs all kinds of work, each on two threads, until the model is closed. */
  private void race(LanguageModel model, int nanos) throws InterruptedException {
    ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    CountDownLatch start = new CountDownLatch(1);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 2 * works.size(); i++) {
      Work work = works.get(i % works.size());
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try {
                  start.await();
                  while (true) {
                    work.on(model);
                    done.incrementAndGet();
                  }
                } catch (Throwable e) {
                  boolean refused =
                      e instanceof IllegalStateException && REFUSAL.equals(e.getMessage());
                  if (!refused) {
                    failures.add(e);
                  }
                }
              }));
    }
    start.countDown();
    TimeUnit.NANOSECONDS.sleep(nanos);
    model.close();
    for (Thread thread : threads) {
      thread.join();
    }
    for (Throwable failure : failures) {
      throw new AssertionError(failure);
    }
  }

  private static long workers() {
    Thread[] all = new Thread[Thread.activeCount() + 64];
    int count = Thread.enumerate(all);
    return Arrays.stream(all, 0, count)
        .filter(thread -> thread.getName().startsWith("tokenformer-worker"))
        .count();
  }

  private static void awaitWorkers(long expected) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (workers() > expected && System.nanoTime() < end) {
      Thread.sleep(5);
    }
    assertEquals(expected, workers());
  }

  @Test
  void callsInProgressCompleteAfterClosing() throws Exception {
    long memory = HostScope.liveBytes();
    long threads = workers();
    LanguageModel model = LanguageModel.load(folder, new Options("vector", 2, LoadMode.COPY));
    Session session = model.newSession();
    List<Integer> ids = new ArrayList<>();
    try (IntStream stream = model.stream(new int[] {1}, GenerationOptions.of(5))) {
      PrimitiveIterator.OfInt iterator = stream.iterator();
      assertTrue(iterator.hasNext());
      model.generate(
          new int[] {1, 2},
          GenerationOptions.of(6),
          id -> {
            model.close();
            return ids.add(id);
          });
      assertEquals(6, ids.size());
      refused(model::newSession);
      refused(() -> model.score(new int[] {1, 2}));
      refused(() -> model.generate(new int[] {1}, GenerationOptions.of(1), ids::add));
      refused(() -> model.stream(new int[] {1}, GenerationOptions.of(1)));
      for (int i = 0; i < 5; i++) {
        iterator.nextInt();
      }
      assertTrue(!iterator.hasNext()); // the last call ends, so the model is freed
    }
    refused(() -> session.decode(1));
    session.close();
    assertEquals(memory, HostScope.liveBytes());
    awaitWorkers(threads);
  }

  private static void refused(Executable work) {
    assertEquals(REFUSAL, assertThrows(IllegalStateException.class, work).getMessage());
  }

  @Test
  void closingAStreamEarlyReleasesTheModel() throws Exception {
    long memory = HostScope.liveBytes();
    long threads = workers();
    LanguageModel model = LanguageModel.load(folder, new Options("vector", 2, LoadMode.COPY));
    IntStream stream = model.stream(new int[] {1}, GenerationOptions.of(5));
    IntStream unread = model.stream(new int[] {1}, GenerationOptions.of(5));
    assertEquals(2, stream.limit(2).count());
    model.close();
    stream.close();
    stream.close();
    assertTrue(HostScope.liveBytes() > memory);
    unread.close();
    assertEquals(memory, HostScope.liveBytes());
    awaitWorkers(threads);
  }
}
