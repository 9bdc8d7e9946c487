package org.tokenformer.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

/**
 * A request that prefills a prompt and then decodes id by id has bit-identical logits from scratch,
 * with cached prefixes, with any number of threads and among other sessions.
 */
final class ReproducibleRequestTest {
  private static final TokenFormerConfig CONFIG =
      new TokenFormerConfig(
          24,
          3,
          List.of(new LayerSizes(13, 24, 131), new LayerSizes(24, 7, 50)),
          Models.VOCABULARY,
          Models.IDS,
          700,
          Theta.L2_NORM_GELU,
          Map.of(),
          0.5,
          10000,
          1e-5f,
          true);

  private static final int DECODED = 4;

  /** Rests of a prompt after its last whole chunk, for which other kernels are used. */
  private static final int[] RESTS = {1, 2, 3, 8, 9, 48, 49, 100};

  private static float[] logits(Session session, int[] prompt, int[] answer) {
    List<float[]> all = new ArrayList<>();
    Backend backend = session.model().backend();
    all.add(Tensors.get(backend, session.prefill(prompt)));
    for (int id : answer) {
      all.add(Tensors.get(backend, session.decode(id)));
    }
    return Tensors.concat(all);
  }

  private static int[] prompt(int length) {
    return Models.ids(new Random(length), length);
  }

  private static final int[] ANSWER = prompt(DECODED);

  private static float[] fromScratch(TokenFormer model, int length, DType cache) {
    try (Session session = model.newSession(CONFIG.contextLength(), cache)) {
      return logits(session, prompt(length), ANSWER);
    }
  }

  private static TokenFormer open(Backend backend) {
    return Models.open(CONFIG, backend, 3);
  }

  @ParameterizedTest
  @EnumSource(value = Computing.class, mode = EnumSource.Mode.EXCLUDE, names = "SCALAR")
  void cachedPrefixesOfWholeChunks(Computing computing) {
    try (Backend backend = computing.open();
        TokenFormer model = open(backend)) {
      for (int cached : new int[] {Runner.CHUNK, 2 * Runner.CHUNK}) {
        for (int rest : cached == Runner.CHUNK ? RESTS : new int[] {3}) {
          DType cache = rest % 2 == 0 ? DType.BF16 : DType.F32;
          int[] prompt = prompt(cached + rest);
          int[] prefix = Arrays.copyOf(prompt, cached);
          int[] after = Arrays.copyOfRange(prompt, cached, prompt.length);
          float[] expected = fromScratch(model, prompt.length, cache);
          String what = cached + " + " + rest;
          try (Session session = model.newSession(CONFIG.contextLength(), cache)) {
            session.prefill(prefix);
            try (Session fork = session.fork()) {
              assertArrayEquals(expected, logits(fork, after, ANSWER), "fork at " + what);
            }
            logits(session, prompt(37), ANSWER);
            session.truncate(cached);
            assertArrayEquals(expected, logits(session, after, ANSWER), "truncated to " + what);
            session.truncate(Runner.CHUNK);
            int[] fromFirst = Arrays.copyOfRange(prompt, Runner.CHUNK, prompt.length);
            assertArrayEquals(expected, logits(session, fromFirst, ANSWER), "first of " + what);
          }
        }
      }
    }
  }

  /** Chunks end at the same positions wherever a prompt starts. */
  @Test
  void promptsAreCutAtAbsolutePositions() {
    try (Backend backend = Computing.VECTOR_256.open();
        TokenFormer model = open(backend);
        Session session = model.newSession();
        Session cut = model.newSession()) {
      int[] start = prompt(10);
      int[] prompt = prompt(Runner.CHUNK + 44); // 54 after the cut: more than a few rows
      session.prefill(start);
      cut.prefill(start);
      int first = Runner.CHUNK - start.length;
      cut.prefill(Arrays.copyOf(prompt, first));
      int[] rest = Arrays.copyOfRange(prompt, first, prompt.length);
      assertArrayEquals(logits(cut, rest, ANSWER), logits(session, prompt, ANSWER));
    }
  }

  /** Logits of all ids, as for scoring. */
  @ParameterizedTest
  @EnumSource(Computing.class)
  void logitsOfAllIdsAfterACachedPrefix(Computing computing) {
    int[] prompt = prompt(Runner.CHUNK + 67);
    try (Backend backend = computing.open();
        TokenFormer model = open(backend);
        Session whole = model.newSession();
        Session cached = model.newSession()) {
      List<float[]> expected = new ArrayList<>();
      whole.logits(prompt, (_, rows) -> expected.add(Tensors.get(backend, rows)), null);
      List<float[]> actual = new ArrayList<>();
      cached.prefill(Arrays.copyOf(prompt, Runner.CHUNK));
      int[] rest = Arrays.copyOfRange(prompt, Runner.CHUNK, prompt.length);
      cached.logits(rest, (_, rows) -> actual.add(Tensors.get(backend, rows)), null);
      float[] all = Tensors.concat(expected);
      int skipped = Runner.CHUNK * CONFIG.vocabularySize();
      assertArrayEquals(Arrays.copyOfRange(all, skipped, all.length), Tensors.concat(actual));
    }
  }

  @ParameterizedTest
  @EnumSource(value = Computing.class, mode = EnumSource.Mode.EXCLUDE, names = "SCALAR")
  void everyNumberOfThreads(Computing computing) {
    List<float[]> expected = new ArrayList<>();
    for (int threads : new int[] {1, 2, 3, 7}) {
      try (Backend backend = computing.open(threads);
          TokenFormer model = open(backend)) {
        for (int i = 0; i < RESTS.length; i++) {
          float[] actual = fromScratch(model, Runner.CHUNK + RESTS[i], DType.F32);
          if (threads == 1) {
            expected.add(actual);
          } else {
            assertArrayEquals(expected.get(i), actual, threads + " threads, rest " + RESTS[i]);
          }
        }
      }
    }
  }

  /** Other sessions prefill, decode and step together meanwhile. */
  @Test
  void amongOtherSessions() throws InterruptedException {
    Random random = Seeds.random("amongOtherSessions");
    long seed = random.nextLong();
    try (Backend backend = Computing.VECTOR_256.open();
        TokenFormer model = open(backend)) {
      List<float[]> expected = new ArrayList<>();
      for (int rest : RESTS) {
        expected.add(fromScratch(model, Runner.CHUNK + rest, DType.F32));
      }
      AtomicBoolean done = new AtomicBoolean();
      Thread others = Thread.ofPlatform().start(() -> disturb(model, new Random(seed), done));
      try {
        for (int i = 0; i < RESTS.length; i++) {
          float[] actual = fromScratch(model, Runner.CHUNK + RESTS[i], DType.F32);
          assertArrayEquals(expected.get(i), actual, "rest " + RESTS[i]);
        }
      } finally {
        done.set(true);
        others.join();
      }
    }
  }

  private static void disturb(TokenFormer model, Random random, AtomicBoolean done) {
    while (!done.get()) {
      try (Session first = model.newSession();
          Session second = model.newSession()) {
        first.prefill(Models.ids(random, 1 + random.nextInt(80)));
        second.prefill(Models.ids(random, 1 + random.nextInt(80)));
        for (int i = 0; i < 5 && !done.get(); i++) {
          Tensor logits = model.step(List.of(first, second), Models.ids(random, 2));
          Tensors.get(model.backend(), logits);
          second.decode(i);
        }
      }
    }
  }
}
