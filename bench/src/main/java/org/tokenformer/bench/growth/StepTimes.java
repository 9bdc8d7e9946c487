package org.tokenformer.bench.growth;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How long steps take. A step of a model of some size is the same work in every run, but a shared
 * machine does other things too, at some hours more than at others; so each step counts as long as
 * the median of all steps of its size, in whatever run, the Transformer's by themselves.
 * Comparisons then are of the models and not of the hours.
 */
final class StepTimes {
  private StepTimes() {}

  /** What has steps of the same length. */
  private record Kind(boolean transformer, long parameters) {
    static Kind of(RunCurve course, Point point) {
      return new Kind(course.arm() == Arm.TRANSFORMER, point.parameters());
    }
  }

  /** The same courses, with seconds counted so. */
  static List<RunCurve> even(List<RunCurve> courses) {
    Map<Kind, List<Double>> all = new HashMap<>();
    for (RunCurve course : courses) {
      Point before = Point.START;
      for (Point point : course.points()) {
        double each = (point.seconds() - before.seconds()) / (point.step() - before.step());
        all.computeIfAbsent(Kind.of(course, point), _ -> new ArrayList<>()).add(each);
        before = point;
      }
    }
    Map<Kind, Double> medians = new HashMap<>();
    all.forEach((kind, times) ->
        medians.put(
            kind, times.stream().sorted().skip((times.size() - 1) / 2).findFirst().orElse(0.0)));
    return courses.stream().map(course -> even(course, medians)).toList();
  }

  private static RunCurve even(RunCurve course, Map<Kind, Double> medians) {
    List<Point> points = new ArrayList<>();
    Point before = Point.START;
    double seconds = 0;
    for (Point point : course.points()) {
      double each = medians.getOrDefault(Kind.of(course, point), Double.NaN);
      seconds += (point.step() - before.step()) * each;
      points.add(point.after(seconds));
      before = point;
    }
    return new RunCurve(course.arm(), course.seed(), points);
  }
}
