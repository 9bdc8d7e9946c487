package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.grow.GrowthInit;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Tensors;

/** Runs in which the model grows. */
final class GrowingRunTest {
  private static final int STEPS = 12;

  @TempDir Path temporary;
  private Path tokenizer = Path.of("");
  private final TokenSource data = TokenSource.of(Runs.pattern(500, 1));

  @BeforeEach
  void files() throws IOException {
    tokenizer = temporary.resolve("t.json");
    Files.writeString(tokenizer, "{}");
  }

  private static TrainingOptions options(boolean freezeOld, GrowthInit init, String... stages) {
    List<GrowthOptions.Stage> list = Stream.of(stages).map(GrowthOptions.Stage::parse).toList();
    return Runs.options(STEPS, 2, 0.1)
        .with(new GrowthOptions(list, init, InitialValues.SCALED, 3, freezeOld));
  }

  /** Returns weights and moments at the end of a run. */
  private static Map<String, float[]> state(Trainer trainer) {
    Map<String, float[]> state = new LinkedHashMap<>(Runs.weights(trainer.model()));
    add(state, "first.", trainer.optimizer().firstMoments(), trainer.model().backend());
    add(state, "second.", trainer.optimizer().secondMoments(), trainer.model().backend());
    return state;
  }

  private static void add(
      Map<String, float[]> state, String prefix, SequencedMap<String, Tensor> of, Backend backend) {
    of.forEach((name, tensor) -> state.put(prefix + name, Tensors.get(backend, tensor)));
  }

  private Map<String, float[]> run(Backend backend, TrainingOptions options, List<Double> losses) {
    try (TrainableModel model = Runs.model(backend);
        Trainer trainer = new Trainer(model, data, options)) {
      while (!trainer.isDone()) {
        losses.add(trainer.step(null).loss());
      }
      return state(trainer);
    }
  }

  @Test
  void aRunThatStopsOnEitherSideOfAGrowthGoesOnToTheSameBits() throws IOException {
    for (boolean freezeOld : new boolean[] {false, true}) {
      TrainingOptions options =
          options(freezeOld, GrowthInit.ZERO, "4:ffn=60,qkv=30@0", "8:proj=40,layers=3");
      try (Backend backend = Computing.SCALAR.open()) {
        List<Double> expected = new ArrayList<>();
        Map<String, float[]> whole = run(backend, options, expected);
        for (int stop : new int[] {3, 4, 5, 8, 9}) {
          List<Double> losses = new ArrayList<>();
          Path folder = temporary.resolve(freezeOld + " " + stop);
          begin(backend, options, folder, stop, losses);
          TrainerTest.assertSame(whole, goOn(backend, folder, losses));
          assertEquals(expected, losses);
        }
      }
      assertEquals(0, HostScope.liveBytes());
    }
  }

  /** Runs some steps, then cancels one after the model may have grown. */
  private void begin(
      Backend backend, TrainingOptions options, Path folder, int steps, List<Double> losses)
      throws IOException {
    try (TrainableModel model = Runs.model(backend);
        Trainer trainer = new Trainer(model, data, options)) {
      while (trainer.stepsDone() < steps) {
        losses.add(trainer.step(null).loss());
      }
      if (steps != 4) { // at step 4 the run is saved before it grows
        AtomicInteger asked = new AtomicInteger(1);
        Cancellation soon = () -> asked.getAndDecrement() == 0;
        assertThrows(CancellationException.class, () -> trainer.step(soon));
      }
      try (RunFolder run = RunFolder.create(folder, tokenizer, new RunFolder.Kept(2, false))) {
        run.save(trainer, Double.NaN);
      }
    }
  }

  private Map<String, float[]> goOn(Backend backend, Path folder, List<Double> losses)
      throws IOException {
    SavedRun saved = SavedRun.open(Objects.requireNonNull(RunFolder.latest(folder)));
    try (TrainableModel model = saved.model(backend);
        Trainer trainer = saved.trainer(model, data, saved.options())) {
      while (!trainer.isDone()) {
        losses.add(trainer.step(null).loss());
      }
      return state(trainer);
    }
  }

  @Test
  void anExactGrowthIsNotFeltInTheStepThatFollows() {
    try (Backend backend = Computing.SCALAR.open()) {
      List<Double> plain = new ArrayList<>();
      run(backend, Runs.options(STEPS, 2, 0), plain);
      for (GrowthInit init : GrowthInit.values()) {
        List<Double> grown = new ArrayList<>();
        GrowthOptions.Stage stage = GrowthOptions.Stage.parse("6:ffn=62@0,ffn=100@1-3,layers=4");
        GrowthOptions growth =
            new GrowthOptions(List.of(stage), init, InitialValues.SCALED, 3, false);
        TrainingOptions calm = Runs.options(STEPS, 2, 0).with(growth);
        run(backend, calm, grown);
        assertEquals(plain.subList(0, 6), grown.subList(0, 6));
        double change = Math.abs(plain.get(6) - grown.get(6));
        assertEquals(
            init != GrowthInit.RELEASED, change < 1e-6 * plain.get(6), init + ": " + change);
        assertTrue(!plain.get(STEPS - 1).equals(grown.get(STEPS - 1)), "it learns with more");
      }
    }
  }

  @Test
  void whatIsFrozenStaysToTheBit() {
    try (Backend backend = Computing.SCALAR.open();
        TrainableModel model = Runs.model(backend);
        Trainer trainer =
            new Trainer(model, data, options(true, GrowthInit.ZERO, "0:ffn=60,qkv=30,proj=30"))) {
      Map<String, float[]> before = Runs.weights(model.model());
      while (!trainer.isDone()) {
        trainer.step(null);
      }
      Map<String, float[]> after = Runs.weights(trainer.model());
      before.forEach((name, values) -> {
        float[] now = Objects.requireNonNull(after.get(name));
        assertArrayEquals(values, Arrays.copyOf(now, values.length), name);
        if (now.length > values.length) {
          float[] added = Arrays.copyOfRange(now, values.length, now.length);
          for (float number : added) {
            assertTrue(number != 0, name + " learned");
          }
        }
      });
      long added = trainer.model().config().parameters() - Runs.CONFIG.parameters();
      long moments =
          trainer.optimizer().firstMoments().values().stream()
              .mapToLong(moment -> moment.shape().elements())
              .sum();
      assertEquals(added, moments);
    }
    assertEquals(0, HostScope.liveBytes());
  }

  @Test
  void momentsOfOldRowsStayAndThoseOfNewOnesAreZero() {
    try (Backend backend = Computing.SCALAR.open();
        TrainableModel model = Runs.model(backend);
        Trainer trainer = new Trainer(model, data, options(false, GrowthInit.ZERO, "5:ffn=60"))) {
      while (trainer.stepsDone() < 5) {
        trainer.step(null);
      }
      Map<String, float[]> before = state(trainer);
      Cancellation atOnce = () -> true;
      assertThrows(CancellationException.class, () -> trainer.step(atOnce));
      Map<String, float[]> after = state(trainer);
      String name = "second.layers.0.ffn.key_param_tokens";
      float[] old = Objects.requireNonNull(before.get(name));
      float[] grown = Objects.requireNonNull(after.get(name));
      assertEquals(31 * 24, old.length);
      assertEquals(60 * 24, grown.length);
      assertArrayEquals(old, Arrays.copyOf(grown, old.length));
      assertArrayEquals(
          new float[29 * 24], Arrays.copyOfRange(grown, old.length, grown.length), name);
    }
  }

  @Test
  void checkpointsAreFoundWhateverDigitsTheLocaleHas() throws IOException {
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
    Path folder = temporary.resolve("run");
    try (Backend backend = Computing.SCALAR.open();
        TrainableModel model = Runs.model(backend);
        Trainer trainer = new Trainer(model, data, Runs.options(1, 1, 0));
        RunFolder run = RunFolder.create(folder, tokenizer, new RunFolder.Kept(1, false))) {
      trainer.step(null);
      Path saved = run.save(trainer, Double.NaN);
      assertEquals(saved, RunFolder.latest(folder));
      assertEquals(1, SavedRun.open(saved).stepsDone());
    } finally {
      Locale.setDefault(before);
    }
  }

  @Test
  void theLearningRateComesBackAfterAGrowth() {
    GrowthOptions growth = options(false, GrowthInit.ZERO, "0:ffn=60", "5:ffn=70").growth();
    double[] warmupFactor = new double[STEPS];
    for (int step = 1; step <= STEPS; step++) {
      warmupFactor[step - 1] = growth.warmupFactor(step);
    }
    double[] expected = new double[STEPS];
    Arrays.fill(expected, 1);
    expected[5] = 1.0 / 3;
    expected[6] = 2.0 / 3;
    assertArrayEquals(expected, warmupFactor);
  }

  @Test
  void refusesWhatCannotFollow() {
    TokenFormerConfig config = Runs.CONFIG;
    refused(
        "grow_at must be a step and sizes, such as 400:ffn=1024,qkv=256, not 'x'",
        () -> GrowthOptions.Stage.parse("x"));
    refused(
        "grow_at must be a step and sizes, such as 400:ffn=1024,qkv=256, not '3:ffn=9\\u000a'",
        () -> GrowthOptions.Stage.parse("3:ffn=9\n"));
    refused("grow_at: 3:ffn=x: ffn: 'x'", () -> GrowthOptions.Stage.parse("3:ffn=x"));
    refused(
        "follows '5:ffn=70'",
        () -> options(false, GrowthInit.ZERO, "5:ffn=70", "5:ffn=80").growth());
    refused(
        "would grow the model after the last of 12 steps",
        () -> options(false, GrowthInit.ZERO, "12:ffn=70"));
    refused(
        "50 of layer 1; growth only adds",
        () -> options(false, GrowthInit.ZERO, "3:ffn=40").growth().check(config, 0));
    refused(
        "freeze_old: the model has never grown",
        () -> options(true, GrowthInit.ZERO).growth().check(config, 0));
    assertFalse(options(true, GrowthInit.ZERO, "3:ffn=70").growth().trainsOnlyNew(config));
  }

  private static void refused(String words, Runnable action) {
    ConfigException e = assertThrows(ConfigException.class, action::run);
    assertTrue(String.valueOf(e.getMessage()).contains(words), e.getMessage());
  }
}
