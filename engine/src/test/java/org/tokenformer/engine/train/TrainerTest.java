package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.measure.Scorer;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.training.MemoryNeeds;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.Tensors;

/** Training steps of a small model on the scalar reference backend. */
final class TrainerTest {
  private final TokenSource data = TokenSource.of(Runs.pattern(500, 1));

  @Test
  void aModelLearns() {
    try (Backend backend = new CheckedBackend(new ScalarBackend());
        TrainableModel model = Runs.model(backend);
        Trainer trainer = new Trainer(model, data, Runs.options(100, 2, 0))) {
      int[] valid = Runs.pattern(200, 2);
      double before = loss(model.model(), valid);
      assertEquals(Math.log(Runs.CONFIG.vocabularySize()), before, 0.1);
      TrainingStep last = trainer.step(null);
      assertEquals(before, last.loss(), 0.1);
      while (!trainer.isDone()) {
        last = trainer.step(null);
      }
      assertEquals(100, last.step());
      assertEquals(100 * 2 * 48, last.tokens());
      assertEquals(1e-3, last.learningRate(), 1e-12);
      assertTrue(last.loss() < 0.6 * before, "loss " + last.loss());
      double after = loss(model.model(), valid);
      assertTrue(after < 0.6 * before, "validation loss " + after);
    }
    assertEquals(0, HostScope.liveBytes());
  }

  /** Returns the mean loss over windows of the run's sequence length. */
  private static double loss(TokenFormer model, int[] ids) {
    double sum = 0;
    int count = 0;
    try (Scorer scorer = new Scorer(model, 16)) {
      for (int from = 0; from + 16 < ids.length; from += 16) {
        for (float loss : scorer.losses(ids, from, 16, null)) {
          sum += loss;
          count++;
        }
      }
    }
    return sum / count;
  }

  @Test
  void sameSeedSameRun() {
    List<Double> first = losses(0.3);
    assertEquals(first, losses(0.3));
    assertTrue(!first.equals(losses(0.2)));
  }

  private List<Double> losses(double dropout) {
    List<Double> losses = new ArrayList<>();
    try (Backend backend = new CheckedBackend(new ScalarBackend());
        TrainableModel model = Runs.model(backend);
        Trainer trainer = new Trainer(model, data, Runs.options(5, 2, dropout))) {
      while (!trainer.isDone()) {
        losses.add(trainer.step(null).loss());
      }
    }
    return losses;
  }

  @Test
  void aCancelledStepNeverBegan() {
    try (Backend backend = new CheckedBackend(new ScalarBackend());
        TrainableModel model = Runs.model(backend);
        TrainableModel other = Runs.model(backend);
        Trainer trainer = new Trainer(model, data, Runs.options(3, 2, 0.1));
        Trainer undisturbed = new Trainer(other, data, Runs.options(3, 2, 0.1))) {
      for (int asked = 0; asked < 8; asked++) {
        AtomicInteger left = new AtomicInteger(asked);
        Cancellation cancellation = () -> left.getAndDecrement() == 0;
        assertThrows(CancellationException.class, () -> trainer.step(cancellation));
      }
      while (!trainer.isDone()) {
        assertEquals(undisturbed.step(null).loss(), trainer.step(null).loss());
      }
      assertSame(Runs.weights(other.model()), Runs.weights(model.model()));
    }
  }

  static void assertSame(Map<String, float[]> expected, Map<String, float[]> actual) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach((name, values) -> assertArrayEquals(values, actual.get(name), name));
  }

  @Test
  void memoryIsKnownBefore() {
    for (boolean recompute : new boolean[] {false, true}) {
      TrainingShape shape = new TrainingShape(3, 16, recompute);
      TrainingOptions base = Runs.options(3, 1, 0);
      TrainingOptions options =
          new TrainingOptions(base.schedule(), shape, 1, base.optimizer(), 0, 1);
      long before = HostScope.liveBytes();
      try (Backend backend = new CheckedBackend(new ScalarBackend());
          TrainableModel model = Runs.model(backend);
          Trainer trainer = new Trainer(model, data, options)) {
        trainer.step(null);
        long taken = HostScope.liveBytes() - before;
        long needed = new MemoryNeeds(Runs.CONFIG).trainingBytes(shape);
        // Not counted: the rotary angles, which every model has, and alignment.
        long angles = 4L * Runs.CONFIG.contextLength() * Runs.CONFIG.rotaryDimensions();
        assertTrue(Math.abs(needed - taken) <= angles + 64 * 100, needed + " for " + taken);
      }
    }
  }

  @Test
  void aNanStopsBeforeAnyWeightIsTouched() {
    for (String name : List.of("layers.1.ffn.value_param_tokens", "norm.weight")) {
      try (Backend backend = new CheckedBackend(new ScalarBackend());
          TrainableModel model = Runs.model(backend);
          Trainer trainer = new Trainer(model, data, Runs.options(3, 1, 0))) {
        trainer.step(null);
        Tensor weight = Objects.requireNonNull(model.model().weights().get(name));
        float[] values = Tensors.get(backend, weight);
        values[3] = Float.NaN;
        Tensors.set(backend, weight, values);
        Map<String, float[]> before = Runs.weights(model.model());
        DivergedException e = assertThrows(DivergedException.class, () -> trainer.step(null));
        assertEquals(2, e.step());
        assertEquals(name, e.tensor());
        assertTrue(String.valueOf(e.getMessage()).startsWith("step 2: loss NaN"), e.getMessage());
        assertSame(before, Runs.weights(model.model()));
        assertEquals(1, trainer.stepsDone());
      }
    }
  }

  /** Expected values: the weighted mean of Adam's corrected moments, written out. */
  @Test
  void theSmoothedLossIsCorrectedForItsStart() {
    LossTrend constant = LossTrend.START;
    LossTrend falling = LossTrend.START;
    double sum = 0;
    for (int n = 1; n <= 60; n++) {
      constant = constant.after(3.25);
      assertEquals(3.25, constant.smoothed(), 1e-12);
      double loss = 2 + 4.0 / n;
      falling = falling.after(loss);
      sum = 0.95 * sum + 0.05 * loss;
      assertEquals(sum / (1 - Math.pow(0.95, n)), falling.smoothed(), 1e-12);
    }
    assertEquals(2.25, LossTrend.START.after(2.25).smoothed());
    // Of the losses 6 and 4, weighted 0.95 and 1: the plain mean would be 5.
    double second = LossTrend.START.after(6).after(4).smoothed();
    assertEquals((0.95 * 6 + 4) / 1.95, second, 1e-12);
  }

  @Test
  void anExplosionStops() {
    LossTrend trend = LossTrend.START;
    for (int i = 0; i < 100; i++) {
      trend = trend.after(5 - i * 0.02);
    }
    assertEquals(0, trend.high());
    assertEquals(5 - 99 * 0.02 + 19 * 0.02, trend.smoothed(), 0.015); // it lags 19 steps
    for (int i = 0; i < LossTrend.MAX_HIGH; i++) {
      assertTrue(!trend.diverged());
      trend = trend.after(7);
    }
    assertTrue(trend.diverged());
    assertTrue(!trend.after(3).diverged());
  }

  @Test
  void hugeRatesAreFound() {
    TrainingOptions base = Runs.options(200, 1, 0);
    TrainingOptions options =
        new TrainingOptions(
            new Schedule(200, 0, 1e6, 1e6), base.shape(), 1, base.optimizer(), 0, 1);
    try (Backend backend = new CheckedBackend(new ScalarBackend());
        TrainableModel model = Runs.model(backend);
        Trainer trainer = new Trainer(model, data, options)) {
      assertThrows(
          DivergedException.class,
          () -> {
            while (!trainer.isDone()) {
              trainer.step(null);
            }
          });
    }
  }

  @Test
  void badDataAndOptions() {
    try (Backend backend = new CheckedBackend(new ScalarBackend());
        TrainableModel model = Runs.model(backend)) {
      TrainingOptions options = Runs.options(3, 1, 0);
      TrainingDataException tooShort =
          assertThrows(
              TrainingDataException.class,
              () -> new Trainer(model, TokenSource.of(Runs.pattern(16, 1)), options).close());
      assertTrue(String.valueOf(tooShort.getMessage()).contains("needs 17"));
      int[] ids = Runs.pattern(17, 1);
      ids[9] = 37;
      try (Trainer trainer = new Trainer(model, TokenSource.of(ids), options)) {
        TrainingDataException beyond =
            assertThrows(TrainingDataException.class, () -> trainer.step(null));
        assertTrue(String.valueOf(beyond.getMessage()).contains("id 37 at position 9,"));
      }
      TrainingOptions tooLong =
          new TrainingOptions(
              options.schedule(), new TrainingShape(1, 301, false), 1, options.optimizer(), 0, 1);
      ConfigException e =
          assertThrows(
              ConfigException.class,
              () -> new Trainer(model, TokenSource.of(Runs.pattern(500, 1)), tooLong).close());
      assertEquals("sequence: 301 is more than the model's context of 300", e.getMessage());
    }
  }
}
