package org.tokenformer.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.measure.Scorer;
import org.tokenformer.engine.testing.GoldenCase;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Tensors;

/** Logits, loss and greedy ids as PyTorch computes them. */
final class GoldenLogitsTest {
  private static final double LOGITS = 1e-4; // of the largest logit
  private static final double PREFILL = 1e-5; // of the largest logit, against one-shot prefill
  private static final double LOSS = 1e-5; // relative
  private static final int PROMPT = 8;

  @TestFactory
  Stream<DynamicTest> logitsAreThoseOfPyTorch() {
    return GoldenCase.tests((golden, computing) -> {
      GoldenCase.Values expected = golden.values("logits_f64");
      try (Backend backend = computing.open();
          TokenFormer model = golden.open(backend)) {
        int at = 0;
        double worst = 0;
        for (int[] ids : golden.ids()) {
          float[] logits = logits(model, Arrays.copyOf(ids, ids.length - 1));
          double[] part = Arrays.copyOfRange(expected.data(), at, at + logits.length);
          worst = Math.max(worst, close(part, logits, LOGITS * expected.max()));
          at += logits.length;
        }
        assertEquals(expected.data().length, at);
        String name = golden.name() + " × " + computing;
        System.out.printf("%s: error %.1g of the largest logit%n", name, worst / expected.max());
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> lossIsThatOfPyTorch() {
    return GoldenCase.tests((golden, computing) -> {
      double expected = golden.values("loss_f64").data()[0];
      try (Backend backend = computing.open();
          TokenFormer model = golden.open(backend)) {
        double sum = 0;
        int count = 0;
        for (int[] ids : golden.ids()) {
          try (Scorer scorer = new Scorer(model, ids.length - 1)) {
            for (float loss : scorer.losses(ids, 0, ids.length - 1, null)) {
              sum += loss;
              count++;
            }
          }
        }
        assertEquals(expected, sum / count, LOSS * expected);
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> greedyIdsAreThoseOfPyTorch() {
    return GoldenCase.tests((golden, computing) -> {
      double[] expected = golden.values("greedy").data();
      try (Backend backend = computing.open();
          TokenFormer model = golden.open(backend);
          Session session = model.newSession()) {
        int[] ids = new int[expected.length];
        for (int i = 0; i < PROMPT; i++) {
          ids[i] = (int) expected[i];
        }
        float[] logits = Tensors.get(backend, session.prefill(Arrays.copyOf(ids, PROMPT)));
        for (int i = PROMPT; i < ids.length; i++) {
          ids[i] = best(logits);
          logits = Tensors.get(backend, session.decode(ids[i]));
        }
        assertArrayEquals(expected, Arrays.stream(ids).asDoubleStream().toArray());
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> prefillInPiecesIsPrefillAtOnce() {
    return GoldenCase.tests((golden, computing) -> {
      try (Backend backend = computing.open();
          TokenFormer model = golden.open(backend)) {
        int[] ids = golden.ids()[0];
        float[] whole = logits(model, ids);
        int vocabulary = model.config().vocabularySize();
        double max = 0;
        for (float logit : whole) {
          max = Math.max(max, Math.abs(logit));
        }
        for (int[] pieces : new int[][] {{1}, {7, 1, 30}, {16}}) {
          try (Session session = model.newSession()) {
            int from = 0;
            for (int i = 0; from < ids.length; i++) {
              int to = Math.min(ids.length, from + pieces[i % pieces.length]);
              int[] piece = Arrays.copyOfRange(ids, from, to);
              float[] logits = Tensors.get(backend, session.prefill(piece));
              float[] row = Arrays.copyOfRange(whole, (to - 1) * vocabulary, to * vocabulary);
              close(doubles(row), logits, PREFILL * max);
              from = to;
            }
          }
        }
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> everyNumberOfThreadsGivesTheSameBits() {
    return GoldenCase.tests((golden, computing) -> {
      if (computing == Computing.SCALAR) {
        return; // it is single-threaded
      }
      float[] expected = {};
      for (int threads : new int[] {1, 2, 3, 7}) {
        try (Backend backend = computing.open(threads);
            TokenFormer model = golden.open(backend)) {
          float[] logits = logits(model, golden.ids()[1]);
          try (Session session = model.newSession()) {
            for (int id : Arrays.copyOf(golden.ids()[2], 20)) {
              float[] row = Tensors.get(backend, session.decode(id));
              logits = Arrays.copyOf(logits, logits.length + row.length);
              System.arraycopy(row, 0, logits, logits.length - row.length, row.length);
            }
          }
          expected = threads == 1 ? logits : expected;
          assertArrayEquals(expected, logits, threads + " threads");
        }
      }
    });
  }

  private static float[] logits(TokenFormer model, int[] ids) {
    int vocabulary = model.config().vocabularySize();
    float[] all = new float[ids.length * vocabulary];
    try (Session session = model.newSession()) {
      session.logits(
          ids,
          (first, rows) -> {
            float[] values = Tensors.get(model.backend(), rows);
            System.arraycopy(values, 0, all, first * vocabulary, values.length);
          },
          null);
    }
    return all;
  }

  private static double[] doubles(float[] values) {
    double[] doubles = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }

  private static double close(double[] expected, float[] actual, double tolerance) {
    assertEquals(expected.length, actual.length);
    double worst = 0;
    for (int i = 0; i < actual.length; i++) {
      double error = Math.abs(expected[i] - actual[i]);
      if (!(error <= tolerance)) {
        fail("logit " + i + ": expected " + expected[i] + ", got " + actual[i]);
      }
      worst = Math.max(worst, error);
    }
    return worst;
  }

  private static int best(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }
}
