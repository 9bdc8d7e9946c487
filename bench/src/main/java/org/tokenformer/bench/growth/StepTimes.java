package org.tokenformer.bench.growth;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How long steps take. A step of a model of some size is the same work in every run, but a shared
 * machine does other things too, at some hours more than at others; so each step counts as long as
 * the median of all steps of its size, in whatever run. Comparisons then are of the models and not
 * of the hours.
 */
final class StepTimes {
  private StepTimes() {}

  /**
   * The same courses, with seconds counted so; that of the Transformer, another program's, stays.
   */
  static List<Course> even(List<Course> courses) {
    Map<Long, List<Double>> all = new HashMap<>();
    for (Course course : courses) {
      if (course.arm() != Arm.TRANSFORMER) {
        Point before = Point.START;
        for (Point point : course.points()) {
          double each = (point.seconds() - before.seconds()) / (point.step() - before.step());
          all.computeIfAbsent(point.parameters(), _ -> new ArrayList<>()).add(each);
          before = point;
        }
      }
    }
    Map<Long, Double> medians = new HashMap<>();
    all.forEach((size, times) ->
        medians.put(size, times.stream().sorted().skip(times.size() / 2).findFirst().orElse(0.0)));
    return courses.stream().map(course -> even(course, medians)).toList();
  }

  private static Course even(Course course, Map<Long, Double> medians) {
    if (course.arm() == Arm.TRANSFORMER) {
      return course;
    }
    List<Point> points = new ArrayList<>();
    Point before = Point.START;
    double seconds = 0;
    for (Point point : course.points()) {
      double each = medians.getOrDefault(point.parameters(), Double.NaN);
      seconds += (point.step() - before.step()) * each;
      points.add(point.after(seconds));
      before = point;
    }
    return new Course(course.arm(), course.seed(), points);
  }
}
