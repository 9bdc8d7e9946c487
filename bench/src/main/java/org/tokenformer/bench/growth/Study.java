package org.tokenformer.bench.growth;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** All runs of the study. */
record Study(List<SweepRun> sweeps, List<RunCurve> curves) {
  static final Study NONE = new Study(List.of(), List.of());

  private static final String LOG = ".log";

  /** Copies and sorts both lists. */
  Study {
    sweeps = sweeps.stream().sorted(SweepRun.ORDER).toList();
    curves = curves.stream().sorted(RunCurve.ORDER).toList();
  }

  /**
   * Reads the output folder of {@code study.sh}; skips unfinished runs.
   *
   * @throws StudyException if a file of a run is invalid
   */
  static Study collect(Path out) throws IOException {
    List<SweepRun> sweeps = new ArrayList<>();
    List<RunCurve> curves = new ArrayList<>();
    for (Path entry : list(out)) {
      String name = entry.getFileName().toString();
      if (Files.exists(entry.resolve("done"))) {
        add(name, MetricsLines.read(entry.resolve("metrics.jsonl")), sweeps, curves);
      } else if (name.endsWith(LOG) && name.contains(Arm.TRANSFORMER.prefix())) {
        String run = name.substring(0, name.length() - LOG.length());
        add(run, TransformerLog.read(entry), sweeps, curves);
      }
    }
    return new Study(sweeps, curves);
  }

  /**
   * Returns this study together with runs collected before, for example on another machine. If both
   * contain a run, this study's is kept. {@link StepTimes} normalises all durations again.
   */
  Study joined(Study before) {
    List<SweepRun> allSweeps = new ArrayList<>(sweeps);
    before.sweeps().stream()
        .filter(run -> sweeps.stream().noneMatch(run::hasSettingsOf))
        .forEach(allSweeps::add);
    List<RunCurve> allCurves = new ArrayList<>(curves);
    before.curves().stream()
        .filter(curve -> find(curve.arm(), curve.seed()) == null)
        .forEach(allCurves::add);
    return new Study(allSweeps, StepTimes.normalised(allCurves));
  }

  static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.sorted().toList();
    }
  }

  private static void add(
      String name, List<Point> points, List<SweepRun> sweeps, List<RunCurve> curves)
      throws StudyException {
    if (points.isEmpty()) {
      throw new StudyException(name + ": is finished but has no steps");
    }
    SweepRun sweep = SweepRun.named(name, points.getLast().validLoss());
    RunCurve curve = RunCurve.named(name, points);
    if (sweep != null) {
      sweeps.add(sweep);
    } else if (curve != null) {
      curves.add(curve);
    }
  }

  /** Returns the run of a configuration with a seed; null if there is none. */
  @Nullable RunCurve find(Arm arm, int seed) {
    return curves.stream()
        .filter(curve -> curve.arm() == arm && curve.seed() == seed)
        .findFirst()
        .orElse(null);
  }
}
