package org.tokenformer.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.LanguageModel.Options;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.GenerationResult;
import org.tokenformer.engine.generate.GenerationResult.Finish;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Tensors;

/** Uses a model as an embedding program does: load, generate, score, close. */
final class LanguageModelTest {
  @TempDir private Path parent;
  private Path folder;

  @BeforeEach
  void save() throws IOException {
    folder = Models.save(parent.resolve("m"), Models.config(Theta.GELU_L2_NORM), DType.F32, 4);
  }

  private LanguageModel load(String backend, int threads) throws IOException {
    return LanguageModel.load(folder, new Options(backend, threads, LoadMode.MAP));
  }

  private static GenerationOptions sampled(int maxTokens, long seed) {
    SamplingOptions sampling = SamplingOptions.defaults().withTemperature(1.5).withSeed(seed);
    return GenerationOptions.of(maxTokens).sampledBy(sampling);
  }

  private static List<Integer> generate(LanguageModel model, long seed) {
    List<Integer> ids = new ArrayList<>();
    int[] prompt = {(int) seed % 30, 1, 2};
    model.generate(prompt, sampled(25, seed), ids::add);
    assertEquals(25, ids.size());
    return ids;
  }

  @Test
  void sameSeedSameIdsForEveryNumberOfThreads() throws IOException {
    List<List<Integer>> all = new ArrayList<>();
    for (int threads : new int[] {1, 2, 3, 7}) {
      try (LanguageModel model = load("vector", threads)) {
        assertEquals(threads, model.backend().threads());
        all.add(generate(model, 5));
      }
    }
    all.forEach(ids -> assertEquals(all.getFirst(), ids));
  }

  @Test
  @Timeout(60)
  void manyThreadsGenerateLikeOne() throws IOException {
    long before = HostScope.liveBytes();
    try (LanguageModel model = load("auto", 2)) {
      List<List<Integer>> alone = new ArrayList<>();
      for (long seed = 0; seed < 12; seed++) {
        alone.add(generate(model, seed));
      }
      try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
        List<CompletableFuture<List<Integer>>> futures = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
          long seed = i;
          futures.add(CompletableFuture.supplyAsync(() -> generate(model, seed), pool));
        }
        for (int i = 0; i < 12; i++) {
          assertEquals(alone.get(i), futures.get(i).join());
        }
      }
    }
    assertEquals(before, HostScope.liveBytes());
  }

  @Test
  void scoresAreLogProbabilities() throws IOException {
    try (LanguageModel model = load("vector", 2)) {
      int[] ids = Models.ids(new Random(3), 150);
      double[] scores = model.score(ids);
      assertEquals(ids.length, scores.length);
      assertTrue(Double.isNaN(scores[0]));
      try (Session session = model.newSession()) {
        for (int i = 0; i + 1 < ids.length; i++) {
          float[] logits = Tensors.get(model.backend(), session.decode(ids[i]));
          double sum = 0;
          for (float logit : logits) {
            sum += Math.exp((double) logit - logits[0]);
          }
          double expected = logits[ids[i + 1]] - logits[0] - Math.log(sum);
          assertEquals(expected, scores[i + 1], 1e-4 * (1 + Math.abs(expected)));
        }
      }
      assertArrayEquals(new double[0], model.score(new int[0]));
      assertArrayEquals(new double[] {Double.NaN}, model.score(new int[] {3}));
      assertEquals(300, model.score(Models.ids(new Random(4), 300)).length);
      assertEquals(
          "cannot score 301 ids: the model's context has 300 positions; score fewer ids at a time",
          assertThrows(IllegalArgumentException.class, () -> model.score(new int[301]))
              .getMessage());
      for (int bad : new int[] {-1, 40}) {
        assertThrows(IndexOutOfBoundsException.class, () -> model.score(new int[] {1, bad, 2}));
        assertThrows(IndexOutOfBoundsException.class, () -> model.score(new int[] {1, bad}));
      }
    }
  }

  @Test
  void limitsOfThePrompt() throws IOException {
    try (LanguageModel model = load("vector", 1)) {
      List<Integer> ids = new ArrayList<>();
      int[] full = Models.ids(new Random(1), Models.CONTEXT);
      assertEquals(
          "the prompt has 301 ids, but the model's context has 300 positions; shorten the prompt",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> model.generate(new int[301], sampled(1, 1), ids::add))
              .getMessage());
      assertThrows(
          IllegalArgumentException.class,
          () -> model.generate(new int[0], sampled(1, 1), ids::add));
      assertThrows(
          IndexOutOfBoundsException.class,
          () -> model.generate(new int[] {1, 40}, sampled(1, 1), ids::add));
      assertEquals(List.of(), ids);
      finished(model.generate(full, sampled(5, 1), ids::add), Finish.CONTEXT_FULL, 1);
      finished(model.generate(full, sampled(1, 1), ids::add), Finish.MAX_TOKENS, 1);
      finished(model.generate(full, sampled(0, 1), ids::add), Finish.MAX_TOKENS, 0);
      finished(
          model.generate(Arrays.copyOf(full, 298), sampled(Integer.MAX_VALUE, 1), ids::add),
          Finish.CONTEXT_FULL,
          3);
      finished(model.generate(full, sampled(5, 1), ids::add, () -> true), Finish.CANCELLED, 0);
    }
  }

  private static void finished(GenerationResult result, Finish finish, int generated) {
    assertEquals(finish, result.finish());
    assertEquals(generated, result.generatedTokens());
  }

  @Test
  void theCacheHasTheTypeOfTheOptions() throws IOException {
    Options options = new Options("vector", 2, LoadMode.MAP);
    assertEquals(DType.F32, options.cacheType());
    int[] ids = Models.ids(new Random(5), 60);
    try (LanguageModel exact = LanguageModel.load(folder, options);
        LanguageModel half =
            LanguageModel.load(folder, options.withCacheType(DType.BF16).withPacks(List.of()));
        Session first = exact.newSession(80);
        Session second = half.newSession(80);
        Session expected = exact.model().newSession(80, DType.BF16)) {
      assertEquals(80, second.capacity());
      assertArrayEquals(
          Tensors.get(exact.backend(), expected.prefill(ids)),
          Tensors.get(half.backend(), second.prefill(ids)));
      first.prefill(ids);
      assertTrue(second.allocatedBytes() < first.allocatedBytes());
      assertThrows(IllegalArgumentException.class, () -> half.newSession(301));
      assertThrows(IllegalArgumentException.class, () -> half.newSession(0));
    }
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> options.withCacheType(DType.I8))
                .getMessage());
    assertEquals("cache must be F32 or BF16, not I8", message);
  }

  @Test
  void rejectedCallsLeaveNothingOpen() throws IOException {
    try (LanguageModel model = load("vector", 1)) {
      long memory = HostScope.liveBytes();
      GenerationOptions options =
          GenerationOptions.of(3)
              .sampledBy(SamplingOptions.defaults().withLogitBias(Map.of(Models.IDS, 1.0)));
      assertThrows(IllegalArgumentException.class, () -> model.stream(new int[] {1}, options));
      assertThrows(
          IllegalArgumentException.class, () -> model.generate(new int[] {1}, options, _ -> true));
      assertEquals(memory, HostScope.liveBytes());
    }
  }

  @Test
  void interruptingTheThreadEndsGeneration() throws IOException {
    try (LanguageModel model = load("vector", 2)) {
      GenerationResult result =
          model.generate(
              new int[] {1, 2},
              sampled(9, 1),
              _ -> {
                Thread.currentThread().interrupt();
                return true;
              });
      assertTrue(Thread.interrupted());
      finished(result, Finish.CANCELLED, 1);
      Thread.currentThread().interrupt();
      assertEquals(0, model.stream(new int[] {1, 2}, sampled(9, 1)).toArray().length);
      assertThrows(CancellationException.class, () -> model.score(new int[] {1, 2}));
      assertTrue(Thread.interrupted());
    }
  }

  @Test
  void streamsGiveTheSameIdsAndFreeTheirSessions() throws IOException {
    try (LanguageModel model = load("vector", 2)) {
      int[] prompt = {5, 1, 2};
      int[] expected = generate(model, 5).stream().mapToInt(id -> id).toArray();
      long memory = HostScope.liveBytes(); // including a page and a runner kept for the next call
      assertArrayEquals(expected, model.stream(prompt, sampled(25, 5)).toArray());
      assertEquals(memory, HostScope.liveBytes());
      try (IntStream ids = model.stream(prompt, sampled(25, 5))) {
        assertArrayEquals(Arrays.copyOf(expected, 4), ids.limit(4).toArray());
      }
      assertEquals(memory, HostScope.liveBytes());
      for (int bad : new int[] {-1, 40}) {
        IntStream failing = model.stream(new int[] {1, bad}, sampled(3, 1));
        String message =
            String.valueOf(
                assertThrows(IndexOutOfBoundsException.class, failing::toArray).getMessage());
        assertEquals("id " + bad + " at index 1 is not between 0 and 39", message);
        assertEquals(memory, HostScope.liveBytes());
      }
      assertThrows(IllegalArgumentException.class, () -> model.stream(new int[0], sampled(3, 1)));
      assertThrows(IllegalArgumentException.class, () -> model.stream(new int[301], sampled(3, 1)));
      assertEquals(memory, HostScope.liveBytes());
    }
  }

  private static long workers() {
    Thread[] all = new Thread[Thread.activeCount() + 64];
    int count = Thread.enumerate(all);
    return Arrays.stream(all, 0, count)
        .filter(thread -> thread.getName().startsWith("tokenformer-worker"))
        .count();
  }

  @Test
  void failedLoadingLeavesNoThreadsAndNoMemory() throws Exception {
    long memory = HostScope.liveBytes();
    long before = workers();
    Files.writeString(folder.resolve("config.json"), "{}");
    String message =
        String.valueOf(
            assertThrows(ModelFormatException.class, () -> load("vector", 5)).getMessage());
    assertTrue(message.contains("config.json: model_type: is missing"), message);
    folder = parent.resolve("nowhere");
    assertThrows(ModelFormatException.class, () -> load("vector", 5));
    assertThrows(ModelFormatException.class, () -> LanguageModel.load(folder));
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (workers() > before && System.nanoTime() < end) {
      Thread.sleep(5);
    }
    assertEquals(before, workers());
    assertEquals(memory, HostScope.liveBytes());
  }

  @Test
  void closingFreesMemoryAndRejectsCalls() throws IOException {
    long memory = HostScope.liveBytes();
    LanguageModel model = LanguageModel.load(folder, new Options("vector", 2, LoadMode.COPY));
    Session session = model.newSession();
    model.close();
    model.close();
    assertThrows(IllegalStateException.class, () -> session.decode(1));
    assertThrows(IllegalStateException.class, model::newSession);
    assertThrows(IllegalStateException.class, () -> model.score(new int[] {1, 2}));
    assertThrows(
        IllegalStateException.class,
        () -> model.generate(new int[] {1}, sampled(1, 1), id -> true));
    session.close();
    assertEquals(memory, HostScope.liveBytes());
  }

  @Test
  void backendsByName() {
    for (String name : List.of("scalar", "vector")) {
      Backends.Choice choice = Backends.open(name, 2);
      assertEquals(name, choice.backend().name());
      assertTrue(choice.backend().description().startsWith(name));
      assertNull(choice.warning());
      choice.backend().close();
      choice.backend().close();
    }
    Backends.Choice auto = Backends.open(Backends.AUTO, 1);
    assertEquals("vector", auto.backend().name());
    assertNull(auto.warning());
    auto.backend().close();
    assertTrue(Backends.defaultThreads() >= 1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Vector", "gpu", "cuda", "auto "})
  void unknownBackends(String name) {
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> Backends.open(name, 1))
                .getMessage());
    assertEquals("backend: '" + name + "' is unknown; use auto, scalar or vector", message);
  }

  @Test
  void invalidNumbersOfThreads() {
    for (int threads : new int[] {0, -1, Integer.MIN_VALUE, 1025, Integer.MAX_VALUE}) {
      for (String name : List.of("auto", "scalar", "vector")) {
        String message =
            String.valueOf(
                assertThrows(IllegalArgumentException.class, () -> Backends.open(name, threads))
                    .getMessage());
        assertEquals("threads must be between 1 and 1024, not " + threads, message);
      }
    }
    assertFalse(workers() > 1000);
  }
}
