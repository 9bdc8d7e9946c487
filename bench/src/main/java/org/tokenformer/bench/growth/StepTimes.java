package org.tokenformer.bench.growth;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Normalises the duration of steps. A step of a model of a given size is the same work in every
 * run, but the load of a shared machine varies. So every step is assigned the median duration of
 * all steps of its size over all runs; those of the Transformer are a group of their own.
 */
final class StepTimes {
  private StepTimes() {}

  /** A group of steps of equal work. */
  private record Kind(boolean transformer, long parameters) {
    static Kind of(RunCurve curve, Point point) {
      return new Kind(curve.arm() == Arm.TRANSFORMER, point.parameters());
    }
  }

  /** Returns the curves with normalised durations. */
  static List<RunCurve> normalised(List<RunCurve> curves) {
    Map<Kind, List<Double>> all = new HashMap<>();
    for (RunCurve curve : curves) {
      Point before = Point.START;
      for (Point point : curve.points()) {
        double each = (point.seconds() - before.seconds()) / (point.step() - before.step());
        all.computeIfAbsent(Kind.of(curve, point), _ -> new ArrayList<>()).add(each);
        before = point;
      }
    }
    Map<Kind, Double> medians = new HashMap<>();
    all.forEach((kind, times) ->
        medians.put(
            kind, times.stream().sorted().skip((times.size() - 1) / 2).findFirst().orElse(0.0)));
    return curves.stream().map(curve -> normalised(curve, medians)).toList();
  }

  private static RunCurve normalised(RunCurve curve, Map<Kind, Double> medians) {
    List<Point> points = new ArrayList<>();
    Point before = Point.START;
    double seconds = 0;
    for (Point point : curve.points()) {
      double each = medians.getOrDefault(Kind.of(curve, point), Double.NaN);
      seconds += (point.step() - before.step()) * each;
      points.add(point.after(seconds));
      before = point;
    }
    return new RunCurve(curve.arm(), curve.seed(), points);
  }
}
