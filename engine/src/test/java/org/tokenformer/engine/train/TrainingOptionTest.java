package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.grow.GrowthInit;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.files.Fields;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.TrainingShape;

/** The table of options and the runs configured with it. */
final class TrainingOptionTest {
  /** Options none of which has its default. */
  private static final TrainingOptions OTHER =
      new TrainingOptions(
          new Schedule(900, 7, 0.5, 0.25),
          new TrainingShape(3, 11, true),
          5,
          new OptimizerOptions(0.7, 0.8, 1e-6, 0.3, 4),
          0.125,
          0.375,
          Long.MIN_VALUE + 1,
          new GrowthOptions(
              List.of(GrowthOptions.Stage.parse("400:ffn=1024,layers=9")),
              GrowthInit.SPLIT,
              new InitialValues(InitialValues.Kind.RELEASED, 3),
              9,
              true));

  @Test
  void namesAreOfStateFilesInTheirOrder() {
    Set<String> names = new HashSet<>();
    for (TrainingOption<?> option : TrainingOption.all()) {
      assertEquals(true, names.add(option.name()), option.name());
      assertEquals(true, option.name().matches("[a-z][a-z0-9_]*"), option.name());
    }
    assertEquals(
        List.of("steps", "warmup", "lr", "min_lr", "batch", "sequence", "recompute", "accumulate"),
        TrainingOption.all().stream().limit(8).map(TrainingOption::name).toList());
  }

  @Test
  void everyOptionIsWrittenAndReadBack() throws ModelFormatException {
    Map<String, Object> fields = new LinkedHashMap<>();
    for (TrainingOption<?> option : TrainingOption.all()) {
      option.write(OTHER, fields);
    }
    assertEquals(TrainingOption.all().size(), fields.size());
    assertEquals("-9223372036854775807", fields.get("seed"));
    assertEquals("released", fields.get("init"));
    assertEquals(List.of("400:ffn=1024,layers=9"), fields.get("grow_at"));
    assertEquals(OTHER, TrainingChoices.read(new Fields("state.json", fields)).options());
    for (String name : List.copyOf(fields.keySet())) {
      Map<String, Object> wrong = new LinkedHashMap<>(fields);
      wrong.put(name, Map.of());
      ModelFormatException e =
          assertThrows(
              ModelFormatException.class,
              () -> TrainingChoices.read(new Fields("state.json", wrong)));
      assertEquals(name, e.field());
    }
  }

  @Test
  void defaults() {
    TrainingOptions run = TrainingChoices.NONE.options(64, 8 * 64 * 20_000L + 1);
    assertEquals(new Schedule(20_001, 200, 1e-3, 1e-4), run.schedule());
    assertEquals(new TrainingShape(8, 64, false), run.shape());
    assertEquals(OptimizerOptions.defaults(), run.optimizer());
    assertEquals(new OptimizerOptions(0.9, 0.95, 1e-8, 0.1, 1), run.optimizer());
    assertEquals(1, run.accumulate());
    assertEquals(1, run.seed());
    assertEquals(
        new GrowthOptions(List.of(), GrowthInit.ZERO, InitialValues.SCALED, 20, false),
        run.growth());
    assertThrows(IllegalStateException.class, TrainingChoices.NONE::options);
  }

  @Test
  void aSmallTextIsPassedManyTimes() {
    assertEquals(
        new Schedule(500, 100, 1e-3, 1e-4), TrainingChoices.NONE.options(64, 65).schedule());
    assertEquals(501, TrainingChoices.NONE.options(64, 8 * 64 * 500L + 1).schedule().steps());
  }

  @Test
  void aShortRunWarmsUpOverItsFirstHalf() {
    TrainingChoices steps = TrainingChoices.NONE.with(TrainingOption.STEPS, 120);
    assertEquals(new Schedule(120, 60, 1e-3, 1e-4), steps.options(64, 65).schedule());
    TrainingChoices one = TrainingChoices.NONE.with(TrainingOption.STEPS, 1);
    assertEquals(new Schedule(1, 1, 1e-3, 1e-4), one.options(64, 65).schedule());
  }

  @Test
  void choicesTakeThePlaceOfDefaults() {
    TrainingChoices choices =
        TrainingChoices.NONE
            .with(TrainingOption.LEARNING_RATE, 0.5)
            .with(TrainingOption.STEPS, 300)
            .with(TrainingOption.GROW_INIT, TrainingOption.GROW_INIT.value("split"))
            .with(TrainingOption.GROW_AT, TrainingOption.GROW_AT.value(List.of("2:ffn=9")));
    TrainingOptions run = choices.options(64, 1);
    assertEquals(new Schedule(300, 100, 0.5, 0.05), run.schedule());
    assertEquals(GrowthInit.SPLIT, run.growth().init());
    assertEquals("[2:ffn=9]", run.growth().stages().toString());
    assertNull(choices.chosen(TrainingOption.WARMUP));
    ConfigException e =
        assertThrows(
            ConfigException.class, () -> choices.with(TrainingOption.CLIP, 0.0).options(64, 1));
    assertEquals("clip", e.field());
    assertEquals(
        "grow_at",
        assertThrows(ConfigException.class, () -> TrainingOption.GROW_AT.value(List.of("x")))
            .field());
  }

  @Test
  void runsThatGoOn() {
    assertNull(TrainingChoices.NONE.difference(OTHER));
    TrainingChoices same = TrainingChoices.of(OTHER);
    assertNull(same.difference(OTHER));
    assertEquals(OTHER, same.resuming(OTHER));
    assertSame(TrainingOption.SEED, same.with(TrainingOption.SEED, 2L).difference(OTHER));
    TrainingOptions saved =
        TrainingChoices.of(OTHER).with(TrainingOption.RECOMPUTE, false).options();
    TrainingChoices recomputing = TrainingChoices.NONE.with(TrainingOption.RECOMPUTE, true);
    assertNull(recomputing.difference(saved));
    assertEquals(OTHER, recomputing.resuming(saved));
    TrainingChoices longer = TrainingChoices.NONE.with(TrainingOption.STEPS, 1800);
    assertNull(longer.difference(OTHER));
    assertEquals(new Schedule(1800, 7, 0.5, 0.25), longer.resuming(OTHER).schedule());
    TrainingOptions warming = TrainingChoices.of(OTHER).with(TrainingOption.WARMUP, 900).options();
    TrainingChoices shorter = TrainingChoices.NONE.with(TrainingOption.STEPS, 401);
    assertEquals(new Schedule(401, 401, 0.5, 0.25), shorter.resuming(warming).schedule());
  }

  @Test
  void helpSaysTheDefault() {
    assertEquals("Sequences per micro-batch. Default: 8.", TrainingOption.BATCH.help());
    assertNull(TrainingOption.BETA1.help());
    assertEquals("Maximum learning rate. Default: 0.001.", TrainingOption.LEARNING_RATE.help());
    assertEquals(List.of("default", "released"), TrainingOption.INIT.choices());
    for (TrainingOption<?> option : TrainingOption.all()) {
      assertEquals(false, String.valueOf(option.help()).contains("{default}"), option.name());
    }
  }
}
