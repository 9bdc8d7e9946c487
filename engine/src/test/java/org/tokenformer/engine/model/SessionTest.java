package org.tokenformer.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.Executable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CacheFullException;
import org.tokenformer.engine.backend.CachePool;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.measure.Scorer;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

/** Sessions: truncation, forks, limits, cancellation and memory. */
final class SessionTest {
  private static final TokenFormerConfig CONFIG = Models.config(Theta.L2_NORM_GELU);
  private static final double TOLERANCE = 1e-5; // of the largest logit

  private interface Body {
    void run(TokenFormer model, Random random);
  }

  /** On the scalar backend and on the vector one, with a check that all memory is freed. */
  private static Stream<DynamicTest> onBoth(Body body) {
    return Stream.of(Computing.SCALAR, Computing.VECTOR_256)
        .map(computing ->
            DynamicTest.dynamicTest(
                computing.toString(),
                () -> {
                  Random random = Seeds.random("SessionTest");
                  long before = HostScope.liveBytes();
                  try (Backend backend = computing.open();
                      TokenFormer model = Models.open(CONFIG, backend, random.nextLong())) {
                    body.run(model, random);
                  }
                  assertEquals(before, HostScope.liveBytes());
                }));
  }

  private static float[] get(TokenFormer model, Tensor logits) {
    return Tensors.get(model.backend(), logits);
  }

  private static void close(float[] expected, float[] actual, double relative) {
    assertEquals(expected.length, actual.length);
    double max = 0;
    for (float value : expected) {
      max = Math.max(max, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs((double) expected[i] - actual[i]);
      assertTrue(error <= relative * max, expected[i] + " is not " + actual[i] + " at " + i);
    }
  }

  /** Sessions with different pasts, capacities and cache types, in steps of varying size. */
  @TestFactory
  Stream<DynamicTest> sessionsGoOnTogetherAsTheyWouldAlone() {
    return onBoth((model, random) -> {
      List<Session> together = new ArrayList<>();
      List<Session> alone = new ArrayList<>();
      for (int i = 0; i < 19; i++) {
        int capacity = i == 0 ? 8 : 40;
        DType cache = i % 3 == 1 ? DType.BF16 : DType.F32;
        together.add(model.newSession(capacity, cache));
        alone.add(model.newSession(capacity, cache));
        if (i % 4 > 0) {
          int[] past = Models.ids(random, i % 4);
          together.get(i).prefill(past);
          alone.get(i).prefill(past);
        }
      }
      for (int count : new int[] {1, 2, 16, 19, 5}) {
        int[] ids = Models.ids(random, count);
        Tensor logits = model.step(together.subList(0, count), ids);
        assertEquals(count, logits.rows());
        for (int i = 0; i < count; i++) {
          float[] row = get(model, logits.rows(i, 1));
          // A rounding difference may change a key by one BF16 unit.
          double tolerance = i % 3 == 1 ? 1e-2 : 2e-5;
          close(get(model, alone.get(i).decode(ids[i])), row, tolerance);
          assertEquals(alone.get(i).length(), together.get(i).length());
        }
      }
      together.forEach(Session::close);
      alone.forEach(Session::close);
    });
  }

  @TestFactory
  Stream<DynamicTest> stepsThatCannotBeChangeNothing() {
    return onBoth((model, random) -> {
      try (Session full = model.newSession(1, DType.F32);
          Session free = model.newSession(9, DType.F32);
          TokenFormer otherModel = Models.open(CONFIG, model.backend(), 3);
          Session other = otherModel.newSession()) {
        full.prefill(new int[] {1});
        assertThrows(IllegalArgumentException.class, () -> model.step(List.of(), new int[0]));
        assertThrows(IllegalArgumentException.class, () -> model.step(List.of(free), new int[2]));
        refusesStep(model, IllegalArgumentException.class, 1, free, free);
        refusesStep(model, IllegalArgumentException.class, 1, free, other);
        refusesStep(model, IllegalArgumentException.class, 1, free, full);
        refusesStep(model, IndexOutOfBoundsException.class, Models.VOCABULARY, free);
        Session closed = model.newSession();
        closed.close();
        refusesStep(model, IllegalStateException.class, 1, free, closed);
        Session[] many = new Session[Session.MAX_TOGETHER + 1];
        Arrays.setAll(many, _ -> model.newSession(1, DType.F32));
        refusesStep(model, IllegalArgumentException.class, 1, many);
        List<Session> most = List.of(many).subList(1, many.length);
        assertEquals(most.size(), model.step(most, new int[most.size()]).rows());
        Stream.of(many).forEach(Session::close);
        assertEquals(0, free.length());
        assertEquals(1, full.length());
        assertEquals(1, model.step(List.of(free), new int[1]).rows());
      }
    });
  }

  private static void refusesStep(
      TokenFormer model, Class<? extends Exception> error, int lastId, Session... sessions) {
    int[] ids = new int[sessions.length];
    ids[ids.length - 1] = lastId;
    assertThrows(error, () -> model.step(List.of(sessions), ids));
  }

  @TestFactory
  Stream<DynamicTest> prefillIsDecodingIsLogits() {
    return onBoth((model, random) -> {
      int[] ids = Models.ids(random, 280); // more than one chunk
      List<float[]> all = new ArrayList<>();
      try (Session session = model.newSession();
          Session other = model.newSession()) {
        session.logits(
            ids,
            (first, rows) -> {
              assertEquals(all.size(), first);
              float[] values = get(model, rows);
              for (int row = 0; row < rows.rows(); row++) {
                all.add(
                    Arrays.copyOfRange(
                        values, row * Models.VOCABULARY, (row + 1) * Models.VOCABULARY));
              }
            },
            null);
        assertEquals(ids.length, session.length());
        assertEquals(ids.length, all.size());
        for (int i = 0; i < 70; i++) {
          close(all.get(i), get(model, other.decode(ids[i])), TOLERANCE);
          assertEquals(i + 1, other.length());
        }
        for (int length : new int[] {1, 2, 63, 64, 65, 255, 256, 257, 280}) {
          other.truncate(0);
          close(
              all.get(length - 1),
              get(model, other.prefill(Arrays.copyOf(ids, length))),
              TOLERANCE);
        }
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> truncatingForgets() {
    return onBoth((model, random) -> {
      try (Session session = model.newSession();
          Session fresh = model.newSession()) {
        int[] start = Models.ids(random, 20);
        int[] end = Models.ids(random, 9);
        session.prefill(start);
        session.prefill(Models.ids(random, 30));
        session.decode(1);
        session.truncate(20);
        assertEquals(20, session.length());
        fresh.prefill(start);
        assertArrayEquals(get(model, fresh.prefill(end)), get(model, session.prefill(end)));
        assertArrayEquals(get(model, fresh.decode(3)), get(model, session.decode(3)));
        for (int length : new int[] {-1, 31, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
          String message =
              assertThrows(IllegalArgumentException.class, () -> session.truncate(length))
                  .getMessage();
          assertEquals("cannot truncate a session of 30 positions to " + length, message);
        }
        session.truncate(30);
        session.truncate(0);
        fresh.truncate(0);
        assertArrayEquals(get(model, fresh.prefill(end)), get(model, session.prefill(end)));
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> forksShareThePastAndNothingElse() {
    return onBoth((model, random) -> {
      for (DType cache : List.of(DType.F32, DType.BF16)) {
        int[] past = Models.ids(random, 20);
        try (Session session = model.newSession(60, cache);
            Session empty = session.fork()) {
          assertEquals(0, empty.length());
          session.prefill(past);
          float[] expected;
          float[] other;
          try (Session fork = session.fork()) {
            assertEquals(20, fork.length());
            assertEquals(60, fork.capacity());
            assertTrue(fork.allocatedBytes() < session.allocatedBytes()); // no logits yet
            other = get(model, fork.decode(5));
            fork.decode(6);
            expected = get(model, session.decode(7));
            fork.truncate(20);
            assertArrayEquals(expected, get(model, fork.decode(7)));
          }
          session.truncate(20);
          assertArrayEquals(other, get(model, session.decode(5)));
          empty.prefill(past);
          assertArrayEquals(other, get(model, empty.decode(5)));
        }
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> sixteenForksAreSixteenSessions() {
    return onBoth((model, random) -> {
      for (DType type : List.of(DType.F32, DType.BF16)) {
        CachePool pool = model.shared().pool(type);
        int[] past = Models.ids(random, 2 * CachePool.PAGE + 7);
        List<Session> forks = new ArrayList<>();
        List<Session> own = new ArrayList<>();
        try (Session parent = model.newSession(Models.CONTEXT, type)) {
          parent.prefill(past);
          for (int i = 0; i < 16; i++) {
            own.add(model.newSession(Models.CONTEXT, type));
            own.getLast().prefill(past);
          }
          int before = pool.held();
          for (int i = 0; i < 16; i++) {
            forks.add(parent.fork());
          }
          assertEquals(before, pool.held());
          for (int step = 0; step < 50; step++) { // up to the next page
            int[] ids = Models.ids(random, 16);
            assertArrayEquals(
                get(model, model.step(own, ids)).clone(), get(model, model.step(forks, ids)));
            assertEquals(before + (step < 41 ? 16 : 48), pool.held());
          }
          int[] last = Models.ids(random, 3);
          own.getFirst().truncate(past.length);
          assertArrayEquals(
              get(model, own.getFirst().prefill(last)), get(model, parent.prefill(last)));
        }
        forks.forEach(Session::close);
        own.forEach(Session::close);
        assertEquals(0, pool.held());
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> anAppendedIdIsComputedWithTheNext() {
    return onBoth((model, random) -> {
      int[] ids = Models.ids(random, 12);
      try (Session session = model.newSession(12, DType.F32);
          Session whole = model.newSession(12, DType.F32)) {
        session.prefill(Arrays.copyOf(ids, 4));
        session.append(ids[4]);
        assertEquals(5, session.length());
        whole.prefill(Arrays.copyOf(ids, 4));
        float[] expected = get(model, whole.prefill(Arrays.copyOfRange(ids, 4, 10)));
        try (Session fork = session.fork()) {
          assertEquals(5, fork.length());
          close(expected, get(model, fork.prefill(Arrays.copyOfRange(ids, 5, 10))), TOLERANCE);
        }
        session.append(ids[5]); // computes the preceding one
        assertEquals(6, session.length());
        assertThrows(IndexOutOfBoundsException.class, () -> session.append(Models.VOCABULARY));
        assertThrows(IndexOutOfBoundsException.class, () -> session.decode(-1));
        assertEquals(6, session.length());
        Cancellation always = () -> true;
        assertThrows(CancellationException.class, () -> session.prefill(new int[] {1}, always));
        assertEquals(6, session.length());
        close(expected, get(model, session.prefill(Arrays.copyOfRange(ids, 6, 10))), TOLERANCE);
        session.append(1);
        session.truncate(11);
        assertEquals(11, session.length());
        session.truncate(10);
        assertEquals(10, session.length());
        session.append(ids[10]);
        session.append(ids[11]);
        assertThrows(IllegalArgumentException.class, () -> session.append(1));
        assertThrows(IllegalArgumentException.class, () -> session.decode(1));
        assertEquals(12, session.length());
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> aFullCacheIsRefusedAndChangesNothing() {
    return onBoth((model, random) -> {
      CachePool pool = model.shared().pool(DType.F32);
      model.limitCache(2 * pool.pageBytes());
      int[] ids = Models.ids(random, CachePool.PAGE);
      try (Session first = model.newSession();
          Session second = model.newSession()) {
        first.prefill(ids);
        second.prefill(ids);
        try (Session third = model.newSession()) {
          assertThrows(CacheFullException.class, () -> third.decode(1));
          assertThrows(CacheFullException.class, () -> first.decode(1));
          assertThrows(
              CacheFullException.class, () -> model.step(List.of(first, second), new int[2]));
          assertEquals(CachePool.PAGE, first.length());
          assertEquals(2, pool.held());
          second.truncate(0);
          third.prefill(ids);
        }
        first.decode(1);
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> shortCacheIsCloseToTheExactOne() {
    return onBoth((model, random) -> {
      int[] ids = Models.ids(random, 60);
      try (Session exact = model.newSession(64, DType.F32);
          Session half = model.newSession(64, DType.BF16)) {
        float[] expected = get(model, exact.prefill(ids));
        float[] actual = get(model, half.prefill(ids));
        close(
            expected, actual, 0.05); // BF16 has 8 significant bits, and errors grow over the layers
        assertFalse(Arrays.equals(expected, actual), "the cache was not rounded");
        assertTrue(half.allocatedBytes() < exact.allocatedBytes());
      }
    });
  }

  private static String refused(
      Class<? extends RuntimeException> type, Session session, int... ids) {
    int before = session.length();
    String message = String.valueOf(assertThrows(type, () -> session.prefill(ids)).getMessage());
    assertEquals(before, session.length());
    assertEquals(
        message,
        assertThrows(type, () -> session.logits(ids, (first, logits) -> {}, null)).getMessage());
    if (ids.length == 1) {
      assertEquals(message, assertThrows(type, () -> session.decode(ids[0])).getMessage());
    }
    assertEquals(before, session.length());
    return message;
  }

  @TestFactory
  Stream<DynamicTest> limitsAreRefusedAndChangeNothing() {
    return onBoth((model, random) -> {
      try (Session session = model.newSession(10, DType.F32);
          Session fresh = model.newSession(10, DType.F32)) {
        int[] ids = Models.ids(random, 9);
        session.prefill(ids);
        assertEquals(
            "no ids: a step needs at least one", refused(IllegalArgumentException.class, session));
        assertEquals(
            "2 ids after 9 positions exceed the session's 10 positions",
            refused(IllegalArgumentException.class, session, 1, 2));
        for (int id : new int[] {-1, 40, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
          assertEquals(
              "id " + id + " at index 0 is not between 0 and 39",
              refused(IndexOutOfBoundsException.class, session, id));
        }
        fresh.prefill(ids);
        assertArrayEquals(get(model, fresh.decode(39)), get(model, session.decode(39)));
        refused(IllegalArgumentException.class, session, 1);
        assertEquals(10, session.length());
        assertThrows(IllegalArgumentException.class, () -> fresh.prefill(new int[1000]));
      }
      for (int capacity : new int[] {0, -1, 301, Integer.MAX_VALUE}) {
        assertThrows(IllegalArgumentException.class, () -> model.newSession(capacity, DType.F32));
      }
      for (DType dtype : List.of(DType.F16, DType.F64, DType.I8)) {
        assertThrows(IllegalArgumentException.class, () -> model.newSession(5, dtype));
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> cancelledStepsLeaveNoTrace() {
    return onBoth((model, random) -> {
      int[] past = Models.ids(random, 5);
      int[] prompt = Models.ids(random, 290); // two chunks of two layers
      try (Session session = model.newSession();
          Session fresh = model.newSession()) {
        fresh.prefill(past);
        float[] expected = get(model, fresh.prefill(prompt));
        session.prefill(past);
        AtomicInteger polls = new AtomicInteger();
        for (int at = 1; at <= 4; at++) {
          int when = at;
          polls.set(0);
          Cancellation cancellation = () -> polls.incrementAndGet() == when;
          assertThrows(CancellationException.class, () -> session.prefill(prompt, cancellation));
          assertEquals(when, polls.get());
          assertEquals(5, session.length());
          polls.set(0);
          assertThrows(
              CancellationException.class,
              () -> session.logits(prompt, (first, logits) -> {}, cancellation));
          assertEquals(5, session.length());
        }
        assertArrayEquals(
            expected, get(model, session.prefill(prompt, () -> polls.incrementAndGet() == 99)));
        session.truncate(5);
        assertThrows(
            ArithmeticException.class,
            () ->
                session.logits(
                    prompt,
                    (first, logits) -> {
                      throw new ArithmeticException("the consumer fails");
                    },
                    null));
        assertEquals(5, session.length());
        assertArrayEquals(expected, get(model, session.prefill(prompt)));
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> nothingWorksAfterClose() {
    return onBoth((model, random) -> {
      Session closed = model.newSession();
      Tensor logits = closed.decode(1);
      closed.close();
      closed.close();
      assertClosed("session", () -> closed.decode(1));
      assertClosed("session", () -> closed.prefill(new int[] {1}));
      assertClosed("session", () -> closed.logits(new int[] {1}, (first, rows) -> {}, null));
      assertClosed("session", closed::fork);
      assertThrows(IllegalStateException.class, () -> Tensors.get(model.backend(), logits));

      Session orphan = model.newSession();
      Scorer scorer = new Scorer(model, 4);
      model.close();
      model.close();
      assertClosed("model", () -> orphan.decode(1));
      assertClosed("model", orphan::fork);
      assertClosed("model", model::newSession);
      assertClosed("model", () -> scorer.losses(new int[] {1, 2}, 0, 1, null));
      assertClosed("model", () -> new Scorer(model, 4));
      orphan.close();
      scorer.close();
    });
  }

  private static void assertClosed(String what, Executable action) {
    assertEquals(
        "the " + what + " is closed",
        assertThrows(IllegalStateException.class, action).getMessage());
  }

  /** Every Θ, layers of different sizes: the vector backend against the scalar one. */
  @TestFactory
  Stream<DynamicTest> layersOfDifferentSizes() {
    List<LayerSizes> layers =
        List.of(new LayerSizes(9, 11, 10), new LayerSizes(33, 13, 17), new LayerSizes(8, 64, 100));
    // Moderate queries and keys: with scores of a thousand, attention magnifies each rounding.
    Map<String, Float> taus = new TreeMap<>(Map.of("layers.1.ffn", 0.7f));
    for (int layer = 0; layer < layers.size(); layer++) {
      taus.put(TensorNames.pattention(layer, BlockPattention.QUERY), 1.5f);
      taus.put(TensorNames.pattention(layer, BlockPattention.KEY), 1f);
    }
    return Stream.of(Theta.values())
        .map(theta ->
            DynamicTest.dynamicTest(
                theta.configName(),
                () -> {
                  TokenFormerConfig config = Models.config(theta, layers, taus);
                  Random random = Seeds.random("SessionTest.layersOfDifferentSizes");
                  for (int round = 0; round < 2; round++) {
                    long seed = random.nextLong();
                    int[] ids = Models.ids(random, 40);
                    float[] expected = run(Computing.SCALAR, config, seed, ids);
                    close(expected, run(Computing.VECTOR_256, config, seed, ids), 1e-4);
                  }
                }));
  }

  private static float[] run(Computing computing, TokenFormerConfig config, long seed, int[] ids) {
    try (Backend backend = computing.open();
        TokenFormer model = Models.open(config, backend, seed);
        Session session = model.newSession()) {
      float[] prefill = get(model, session.prefill(ids)).clone();
      float[] decode = get(model, session.decode(ids[0]));
      float[] both = Arrays.copyOf(prefill, prefill.length + decode.length);
      System.arraycopy(decode, 0, both, prefill.length, decode.length);
      return both;
    }
  }
}
