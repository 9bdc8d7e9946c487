package org.tokenformer.bench.growth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StudyFilesTest {
  private static final String STEP =
      "{\"step\":%d,\"tokens\":%d,\"loss\":4.5,\"smoothed\":%s,\"gradient_norm\":1.5,\"learning_rate\":0.001,"
          + "\"tokens_per_second\":%d,\"flops\":2.0E12,\"parameters\":%d}";
  private static final String VALIDATION = "{\"step\":%d,\"tokens\":%d,\"valid_loss\":%s}";

  @TempDir private Path folder;

  private void run(String name, boolean done, String... lines) throws IOException {
    Path run = Files.createDirectories(folder.resolve("out").resolve(name));
    Files.write(run.resolve("metrics.jsonl"), List.of(lines));
    if (done) {
      Files.createFile(run.resolve("done"));
    }
  }

  private Study collect() throws IOException {
    return Study.collect(folder.resolve("out"));
  }

  @Test
  void operationsAndSecondsOfAllStepsAreAddedUp() throws IOException {
    run(
        "released-1",
        true,
        STEP.formatted(1, 2048, "8.0", 1024, 100),
        STEP.formatted(2, 4096, "7.5", 512, 200),
        VALIDATION.formatted(2, 4096, "7.25"));
    List<Point> points = collect().curves().getFirst().points();
    assertEquals(new Point(1, 100, 0.002, 2, 8, Double.NaN), points.get(0));
    assertEquals(new Point(2, 200, 0.004, 6, 7.5, 7.25), points.get(1));
  }

  /** Load from other processes must not count for any run. */
  @Test
  void aStepTakesTheMedianOfItsSize() throws IOException {
    run(
        "grown-once-1",
        true,
        STEP.formatted(1, 1000, "8.0", 1000, 100),
        STEP.formatted(2, 2000, "8.0", 10, 100),
        STEP.formatted(3, 3000, "8.0", 250, 200));
    run(
        "scratch-large-1",
        true,
        STEP.formatted(1, 1000, "8.0", 500, 200),
        STEP.formatted(2, 2000, "8.0", 250, 200));
    run("scratch-middle-1", true, STEP.formatted(1, 1000, "8.0", 1000, 100));
    List<RunCurve> curves = collect().joined(Study.NONE).curves();
    assertEquals(List.of(4.0, 8.0), seconds(curves.get(0)));
    assertEquals(List.of(1.0, 2.0, 6.0), seconds(curves.get(1)));
    assertEquals(List.of(1.0), seconds(curves.get(2)));
  }

  private static List<Double> seconds(RunCurve curve) {
    return curve.points().stream().map(Point::seconds).toList();
  }

  @Test
  void onlyFinishedRunsCount() throws IOException {
    String step = STEP.formatted(1, 2048, "8.0", 1024, 100);
    run("scratch-large-1", true, step, VALIDATION.formatted(1, 2048, "7.0"));
    run("scratch-large-2", false, step);
    run("sweep-large-0.002-0.5", true, step, VALIDATION.formatted(1, 2048, "7.5"));
    run("sweep-large-0.016-1", true, step);
    Study study = collect();
    assertEquals(List.of("scratch-large-1"), study.curves().stream().map(RunCurve::name).toList());
    assertEquals(
        List.of(
            new SweepRun("large", 0.002, 0.5, 7.5), new SweepRun("large", 0.016, 1, Double.NaN)),
        study.sweeps());
  }

  @Test
  void theTransformersLogIsRead() throws IOException {
    Files.createDirectories(folder.resolve("out"));
    Files.writeString(
        folder.resolve("out/transformer-1.log"),
        """
        tokens 1700000 103936 bytes/token 3.863
        transformer step 100 params 7.41M train 5.37 valid 5.3753 bits/byte 2.0129 PFLOP 0.009 tok/s 256
        transformer step 200 params 7.41M train 4.97 valid 4.9 bits/byte 1.8 PFLOP 0.018 tok/s 512
        """);
    RunCurve curve = collect().curves().getFirst();
    assertEquals("transformer-1", curve.name());
    Point first = curve.points().getFirst();
    assertEquals(5.3753, first.validLoss());
    assertEquals(7_410_000, first.parameters());
    assertEquals(800, first.seconds());
    // 6·7.41e6 + 12·8·256·128.5 operations for each of 204,800 tokens
    assertEquals(204_800 * 47_618_016.0 / 1e15, first.petaflops(), 1e-15);
    assertEquals(800, curve.last().seconds());
  }

  @Test
  void aSweepOfTheTransformerHasNoScale() throws IOException {
    Files.createDirectories(folder.resolve("out"));
    Files.writeString(
        folder.resolve("out/sweep-transformer-0.002.log"),
        "transformer step 9 params 7.41M train 5.3 valid nan bits/byte nan PFLOP 0.009 tok/s 25\n");
    assertEquals(
        List.of(new SweepRun("transformer", 0.002, Double.NaN, Double.NaN)), collect().sweeps());
  }

  @Test
  void anInvalidLineIsNamed() throws IOException {
    run("released-1", true, STEP.formatted(1, 2048, "8.0", 1024, 100), "{\"step\":2");
    StudyException e = assertThrows(StudyException.class, this::collect);
    assertTrue(e.toString().contains("metrics.jsonl: line 2 "), e.toString());
  }

  @Test
  void aValidationWithoutItsStepIsRejected() throws IOException {
    run("released-1", true, VALIDATION.formatted(2, 4096, "7.25"));
    assertThrows(StudyException.class, this::collect);
  }

  @Test
  void resultsAreReadAsTheyWereWritten() throws IOException {
    List<Point> points = new ArrayList<>();
    for (int step = 1; step <= 200; step++) {
      double loss = step % 50 == 0 ? 5.25 : Double.NaN;
      points.add(new Point(step, step <= 120 ? 5 : 9, step * 0.5, step * 2, 4.5, loss));
    }
    RunCurve curve = new RunCurve(Arm.GROWN_ONCE, 2, points);
    Study study = new Study(List.of(new SweepRun("small", 0.002, 1, 5.5)), List.of(curve));
    Path results = folder.resolve("results");
    ResultsFolder.write(results, study);
    Study read = ResultsFolder.read(results);
    assertEquals(study.sweeps(), read.sweeps());
    assertEquals(ResultsFolder.thinned(curve), read.curves().getFirst().points());
  }

  @Test
  void runsCollectedBeforeAreKept() throws IOException {
    Path results = folder.resolve("results");
    String validation = VALIDATION.formatted(1, 2048, "7.0");
    run("grown-once-1", true, STEP.formatted(1, 2048, "8.0", 1024, 100), validation);
    run("sweep-large-0.002-0.5", true, STEP.formatted(1, 2048, "8.0", 1024, 200), validation);
    GrowthStudy.collect(folder.resolve("out"), results);
    Path elsewhere = folder.resolve("elsewhere");
    Files.move(folder.resolve("out"), elsewhere);
    run("grown-once-2", true, STEP.formatted(1, 2048, "8.0", 1024, 100), validation);
    run(
        "sweep-large-0.002-0.5",
        true,
        STEP.formatted(1, 2048, "8.0", 1024, 200),
        VALIDATION.formatted(1, 2048, "6.5"));
    GrowthStudy.collect(folder.resolve("out"), results);
    Study study = ResultsFolder.read(results);
    assertEquals(
        List.of("grown-once-1", "grown-once-2"),
        study.curves().stream().map(RunCurve::name).toList());
    assertEquals(List.of(new SweepRun("large", 0.002, 0.5, 6.5)), study.sweeps());
  }

  @Test
  void thinningKeepsWhatTablesAndChartsNeed() {
    List<Point> points = new ArrayList<>();
    for (int step = 1; step <= 203; step++) {
      double loss = step == 77 ? 5.25 : Double.NaN;
      points.add(new Point(step, step <= 120 ? 5 : 9, step, step, 4.5, loss));
    }
    RunCurve curve = new RunCurve(Arm.GROWN_ONCE, 2, points);
    RunCurve thinned = new RunCurve(Arm.GROWN_ONCE, 2, ResultsFolder.thinned(curve));
    List<Integer> steps = thinned.points().stream().map(Point::step).toList();
    assertEquals(List.of(1, 10, 20, 30, 40, 50, 60, 70, 77, 80, 90, 91), steps.subList(0, 12));
    assertEquals(203, steps.getLast());
    assertEquals(curve.rises(50), thinned.rises(50));
    assertEquals(curve.petaflopsToReach(5.25), thinned.petaflopsToReach(5.25));
  }

  @Test
  void invalidRowsAreNamed() throws IOException {
    Path results = Files.createDirectories(folder.resolve("results"));
    Path file = results.resolve("released-1.csv");
    Files.writeString(file, "step,loss\n");
    assertThrows(StudyException.class, () -> ResultsFolder.read(results));
    Files.writeString(file, "step,parameters,petaflops,seconds,smoothed,valid_loss\n1,2,3,4,5\n");
    StudyException e = assertThrows(StudyException.class, () -> ResultsFolder.read(results));
    assertTrue(e.toString().contains("line 2 "), e.toString());
  }
}
