package org.tokenformer.bench.growth;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The metrics of one run over its steps.
 *
 * @param points at least one, in the order of their steps; steps may be missing
 */
record RunCurve(Arm arm, int seed, List<Point> points) {
  private static final Pattern NAME = Pattern.compile("(.+)-(\\d{1,9})");

  /** Orders by configuration, then seed. */
  static final Comparator<RunCurve> ORDER =
      Comparator.comparing(RunCurve::arm).thenComparingInt(RunCurve::seed);

  /** Copies the points. */
  RunCurve {
    points = List.copyOf(points);
    if (points.isEmpty()) {
      throw new IllegalArgumentException(arm.prefix() + "-" + seed + ": has no steps");
    }
  }

  /**
   * Returns the curve of a run named such as {@code grown-once-2}; null for an unknown
   * configuration.
   */
  static @Nullable RunCurve named(String name, List<Point> points) {
    Matcher parts = NAME.matcher(name);
    if (parts.matches()) {
      for (Arm arm : Arm.values()) {
        if (arm.prefix().equals(parts.group(1))) {
          return new RunCurve(arm, Integer.parseInt(parts.group(2)), points);
        }
      }
    }
    return null;
  }

  /** Returns the name of the run. */
  String name() {
    return arm.prefix() + "-" + seed;
  }

  /** Returns the point after the last step. */
  Point last() {
    return points.getLast();
  }

  /** Returns the points at which the validation loss was measured. */
  List<Point> validations() {
    return points.stream().filter(Point::isValidated).toList();
  }

  /**
   * Returns the cost at which the validation loss first falls to a given loss, interpolated
   * linearly between validations.
   *
   * @param loss in nats
   * @return 10¹⁵ operations; NaN if the loss is not reached
   */
  double petaflopsToReach(double loss) {
    Point before = null;
    for (Point point : validations()) {
      if (point.validLoss() <= loss) {
        if (before == null) {
          return point.petaflops();
        }
        double fraction = (before.validLoss() - loss) / (before.validLoss() - point.validLoss());
        return before.petaflops() + fraction * (point.petaflops() - before.petaflops());
      }
      before = point;
    }
    return Double.NaN;
  }

  /** Returns the last point before each growth. */
  List<Point> growths() {
    List<Point> growths = new ArrayList<>();
    for (int i = 1; i < points.size(); i++) {
      if (points.get(i).parameters() > points.get(i - 1).parameters()) {
        growths.add(points.get(i - 1));
      }
    }
    return growths;
  }

  /**
   * The rise of the smoothed training loss after a growth.
   *
   * @param before the last point before the growth
   * @param highest highest loss after it, in nats
   */
  record Rise(Point before, double highest) {
    /**
     * Returns the rise of the highest loss over the loss before, in percent; negative if the loss
     * only fell.
     */
    double percent() {
      return 100 * (highest / before.smoothed() - 1);
    }
  }

  /** Returns the rise within a number of steps after each growth. */
  List<Rise> rises(int steps) {
    return growths().stream().map(before -> rise(before, steps)).toList();
  }

  private Rise rise(Point before, int steps) {
    double highest =
        points.stream()
            .filter(point -> point.step() > before.step() && point.step() <= before.step() + steps)
            .mapToDouble(Point::smoothed)
            .max()
            .orElse(Double.NaN);
    return new Rise(before, highest);
  }
}
