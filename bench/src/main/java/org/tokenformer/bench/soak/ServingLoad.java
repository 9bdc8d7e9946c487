package org.tokenformer.bench.soak;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.checkpoint.LoadMode;

/**
 * Threads that use one model, and open models of their own, at random: see {@link Visitor}. Every
 * result is compared with that of the same case in a quiet model on one thread.
 */
final class ServingLoad implements Load {
  private static final int VISITORS = 8;
  private static final int CASES = 48;

  private final Path folder;
  private final long seed;
  private final LanguageModel shared;
  private final List<Case> cases = new ArrayList<>();
  private final AtomicLong actions = new AtomicLong();

  ServingLoad(Path folder, long seed) throws IOException {
    this.folder = folder;
    this.seed = seed;
    SplittableRandom random = new SplittableRandom(seed);
    try (LanguageModel quiet = open(1)) {
      for (int i = 0; i < CASES; i++) {
        cases.add(Case.random(quiet, random));
      }
    }
    shared = open(2);
  }

  /** Opens a model of its own. */
  LanguageModel open(int threads) throws IOException {
    return LanguageModel.load(folder, new LanguageModel.Options("vector", threads, LoadMode.MAP));
  }

  LanguageModel shared() {
    return shared;
  }

  Case anyCase(SplittableRandom random) {
    return cases.get(random.nextInt(cases.size()));
  }

  @Override
  public String unit() {
    return "actions";
  }

  @Override
  public long done() {
    return actions.get();
  }

  @Override
  public void run(BooleanSupplier stop) throws Exception {
    SplittableRandom seeds = new SplittableRandom(seed);
    try (ExecutorService threads = Executors.newFixedThreadPool(VISITORS)) {
      List<Future<?>> visitors = new ArrayList<>();
      for (int i = 0; i < VISITORS; i++) {
        Visitor visitor = new Visitor(this, seeds.split());
        visitors.add(
            threads.submit(() -> {
              while (!stop.getAsBoolean()) {
                visitor.act();
                actions.incrementAndGet();
              }
              return null;
            }));
      }
      for (Future<?> visitor : visitors) {
        visitor.get();
      }
    }
  }

  @Override
  public void close() {
    shared.close();
  }

  /** Compares with the quiet run. */
  static void requireSame(String what, Case of, long[] expected, long[] actual) {
    if (!Arrays.equals(expected, actual)) {
      throw new WrongResultException(
          "%s of the prompt %s: %s instead of %s"
              .formatted(
                  what,
                  Arrays.toString(of.prompt()),
                  Arrays.toString(actual),
                  Arrays.toString(expected)));
    }
  }
}
