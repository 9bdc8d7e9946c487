package org.tokenformer.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.model.Runner.Rows;
import org.tokenformer.engine.model.Runner.Wanted;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

/** Passes over any number of new ids of several sessions. */
final class RunnerTest {
  private static final double TOLERANCE = 1e-5; // of the largest logit

  private interface Body {
    void run(TokenFormer model, Runner runner, Random random);
  }

  private static Stream<DynamicTest> onAll(Body body) {
    return Stream.of(Computing.values())
        .map(computing ->
            DynamicTest.dynamicTest(
                computing.toString(),
                () -> {
                  Random random = Seeds.random("RunnerTest");
                  long before = HostScope.liveBytes();
                  TokenFormerConfig config = Models.config(Theta.L2_NORM_GELU);
                  try (Backend backend = computing.open();
                      TokenFormer model = Models.open(config, backend, random.nextLong());
                      Runner runner = model.newRunner()) {
                    body.run(model, runner, random);
                  }
                  assertEquals(before, HostScope.liveBytes());
                }));
  }

  private static float[][] rows(TokenFormer model, Tensor logits) {
    float[] all = Tensors.get(model.backend(), logits);
    int width = Models.VOCABULARY;
    float[][] rows = new float[all.length / width][];
    Arrays.setAll(rows, i -> Arrays.copyOfRange(all, i * width, (i + 1) * width));
    return rows;
  }

  private static void close(float[] expected, float[] actual) {
    double max = 0;
    for (float value : expected) {
      max = Math.max(max, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs((double) expected[i] - actual[i]);
      if (!(error <= TOLERANCE * max)) {
        throw new AssertionError(i + ": expected " + expected[i] + ", got " + actual[i]);
      }
    }
  }

  /** Chunks of a prompt next to single ids of other sessions, and all logits of one of them. */
  @TestFactory
  Stream<DynamicTest> raggedRowsAreThoseOfEachSessionAlone() {
    return onAll((model, runner, random) -> {
      int[] prompt = Models.ids(random, 150);
      List<Session> together = new ArrayList<>();
      List<Session> alone = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        int[] past = Models.ids(random, 1 + 17 * i);
        for (List<Session> sessions : List.of(together, alone)) {
          sessions.add(model.newSession());
          sessions.getLast().prefill(past);
        }
      }
      for (int from = 0; from < prompt.length; from += 50) {
        List<Rows> batch = new ArrayList<>();
        boolean last = from + 50 == prompt.length;
        batch.add(new Rows(together.get(0), prompt, from, 50, last ? Wanted.LAST : Wanted.NONE));
        int[] all = Models.ids(random, 3);
        batch.add(new Rows(together.get(1), all, 0, 3, Wanted.ALL));
        int[] ids = Models.ids(random, 4);
        for (int i = 0; i < 4; i++) {
          batch.add(new Rows(together.get(2 + i), ids, i, 1, Wanted.LAST));
        }
        float[][] logits = rows(model, runner.run(batch, null));
        List<float[]> expected = new ArrayList<>();
        int[] piece = Arrays.copyOfRange(prompt, from, from + 50);
        Tensor end = alone.get(0).prefill(piece);
        if (last) {
          expected.add(rows(model, end)[0]);
        }
        for (int id : all) {
          expected.add(rows(model, alone.get(1).decode(id))[0]);
        }
        for (int i = 0; i < 4; i++) {
          expected.add(rows(model, alone.get(2 + i).decode(ids[i]))[0]);
        }
        assertEquals(expected.size(), logits.length);
        for (int i = 0; i < logits.length; i++) {
          close(expected.get(i), logits[i]);
        }
      }
      for (int i = 0; i < 6; i++) {
        assertEquals(alone.get(i).length(), together.get(i).length());
        alone.get(i).close();
        together.get(i).close();
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> onePassIsThePrefillOfASession() {
    return onAll((model, runner, random) -> {
      int[] ids = Models.ids(random, 200);
      try (Session own = model.newSession();
          Session run = model.newSession()) {
        float[] expected = rows(model, own.prefill(ids))[0];
        assertArrayEquals(expected, rows(model, runner.run(List.of(Rows.of(run, ids)), null))[0]);
        run.append(3);
        own.truncate(200);
        float[] after = rows(model, own.prefill(new int[] {3, 4, 5, 6, 7, 8, 9, 10, 11}))[0];
        int[] rest = {4, 5, 6, 7, 8, 9, 10, 11};
        assertArrayEquals(after, rows(model, runner.run(List.of(Rows.of(run, rest)), null))[0]);
        assertEquals(209, run.length());
        run.truncate(0);
        own.truncate(0);
        List<float[]> all = new ArrayList<>();
        own.logits(ids, (_, logits) -> all.addAll(List.of(rows(model, logits))), null);
        List<Rows> batch = List.of(new Rows(run, ids, 0, ids.length, Wanted.ALL));
        float[][] logits = rows(model, runner.run(batch, null));
        for (int i = 0; i < ids.length; i++) {
          assertArrayEquals(all.get(i), logits[i]);
        }
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> whatIsRefusedChangesNothing() {
    return onAll((model, runner, random) -> {
      try (Session first = model.newSession();
          Session small = model.newSession(3, DType.F32);
          TokenFormer other = Models.open(model.config(), model.backend(), 2);
          Session foreign = other.newSession()) {
        refused(IllegalArgumentException.class, runner);
        refused(IllegalArgumentException.class, runner, Rows.of(first, 1), Rows.of(first, 2));
        refused(IllegalArgumentException.class, runner, Rows.of(first, 1), Rows.of(foreign, 2));
        refused(IllegalArgumentException.class, runner, Rows.of(first, 1), Rows.of(small));
        refused(
            IllegalArgumentException.class, runner, Rows.of(first, 1), Rows.of(small, 1, 2, 3, 4));
        refused(IndexOutOfBoundsException.class, runner, Rows.of(first, 1), Rows.of(small, -1));
        refused(IndexOutOfBoundsException.class, runner, Rows.of(small, 1), Rows.of(first, 40));
        int[] ids = {1, 2};
        for (int from : new int[] {1, -1, Integer.MAX_VALUE}) {
          assertThrows(
              IndexOutOfBoundsException.class, () -> new Rows(first, ids, from, 2, Wanted.LAST));
        }
        Session closed = model.newSession();
        closed.close();
        refused(IllegalStateException.class, runner, Rows.of(first, 1), Rows.of(closed, 1));
        assertThrows(
            CancellationException.class,
            () -> runner.run(List.of(Rows.of(first, 1), Rows.of(small, 2)), () -> true));
        assertEquals(0, first.length());
        assertEquals(0, small.length());
        assertEquals(2, runner.run(List.of(Rows.of(first, 1), Rows.of(small, 2)), null).rows());
        List<Rows> none = List.of(new Rows(first, ids, 0, 2, Wanted.NONE));
        assertEquals(0, runner.run(none, null).rows());
        assertEquals(3, first.length());
      }
      Runner closed = model.newRunner();
      closed.close();
      refused(IllegalStateException.class, closed);
    });
  }

  private static void refused(Class<? extends Exception> type, Runner runner, Rows... batch) {
    int[] before = Stream.of(batch).mapToInt(part -> part.session().length()).toArray();
    assertThrows(type, () -> runner.run(List.of(batch), null));
    assertArrayEquals(before, Stream.of(batch).mapToInt(part -> part.session().length()).toArray());
  }
}
