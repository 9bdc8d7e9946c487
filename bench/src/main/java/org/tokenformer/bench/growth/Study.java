package org.tokenformer.bench.growth;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** All runs of the study. */
record Study(List<SweepRun> sweeps, List<RunCurve> courses) {
  static final Study NONE = new Study(List.of(), List.of());

  private static final String LOG = ".log";

  /** Copies both and sorts them. */
  Study {
    sweeps = sweeps.stream().sorted(SweepRun.ORDER).toList();
    courses = courses.stream().sorted(RunCurve.ORDER).toList();
  }

  /**
   * Reads the folder that {@code study.sh} fills; runs that are not done are left out.
   *
   * @throws StudyException if a file is not what a run writes
   */
  static Study collect(Path out) throws IOException {
    List<SweepRun> sweeps = new ArrayList<>();
    List<RunCurve> courses = new ArrayList<>();
    for (Path entry : list(out)) {
      String name = entry.getFileName().toString();
      if (Files.exists(entry.resolve("done"))) {
        add(name, MetricsLines.read(entry.resolve("metrics.jsonl")), sweeps, courses);
      } else if (name.endsWith(LOG) && name.contains(Arm.TRANSFORMER.prefix())) {
        String run = name.substring(0, name.length() - LOG.length());
        add(run, TransformerLog.read(entry), sweeps, courses);
      }
    }
    return new Study(sweeps, courses);
  }

  /**
   * Together with runs that were collected before, such as on another machine; where both have the
   * same run, this one's stays. All steps are timed anew, as {@link StepTimes} does.
   */
  Study joined(Study before) {
    List<SweepRun> allSweeps = new ArrayList<>(sweeps);
    before.sweeps().stream()
        .filter(run -> sweeps.stream().noneMatch(run::hasSettingsOf))
        .forEach(allSweeps::add);
    List<RunCurve> allCourses = new ArrayList<>(courses);
    before.courses().stream()
        .filter(course -> find(course.arm(), course.seed()) == null)
        .forEach(allCourses::add);
    return new Study(allSweeps, StepTimes.even(allCourses));
  }

  static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.sorted().toList();
    }
  }

  private static void add(
      String name, List<Point> points, List<SweepRun> sweeps, List<RunCurve> courses)
      throws StudyException {
    if (points.isEmpty()) {
      throw new StudyException(name + ": is done and has no steps");
    }
    SweepRun sweep = SweepRun.named(name, points.getLast().validLoss());
    RunCurve course = RunCurve.named(name, points);
    if (sweep != null) {
      sweeps.add(sweep);
    } else if (course != null) {
      courses.add(course);
    }
  }

  /** The run of an arm with a seed; null if there is none. */
  @Nullable RunCurve find(Arm arm, int seed) {
    return courses.stream()
        .filter(course -> course.arm() == arm && course.seed() == seed)
        .findFirst()
        .orElse(null);
  }
}
