package org.tokenformer.bench.growth;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How one run of an arm went.
 *
 * @param points at least one, in the order of their steps; some steps may be left out
 */
record RunCurve(Arm arm, int seed, List<Point> points) {
  private static final Pattern NAME = Pattern.compile("(.+)-(\\d{1,9})");

  /** By arm, then seed. */
  static final Comparator<RunCurve> ORDER =
      Comparator.comparing(RunCurve::arm).thenComparingInt(RunCurve::seed);

  /** Copies the points. */
  RunCurve {
    points = List.copyOf(points);
    if (points.isEmpty()) {
      throw new IllegalArgumentException(arm.prefix() + "-" + seed + ": has no steps");
    }
  }

  /** A course by the name of its run, such as {@code grown-once-2}; null if no arm is called so. */
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

  /** The name of its run. */
  String name() {
    return arm.prefix() + "-" + seed;
  }

  /** After the last step. */
  Point last() {
    return points.getLast();
  }

  /** Those at which the validation loss was measured. */
  List<Point> validations() {
    return points.stream().filter(Point::isValidated).toList();
  }

  /**
   * Where the validation loss first comes down to this one, on straight lines between validations.
   *
   * @param loss in nats
   * @return 10¹⁵ operations; NaN if it is not reached
   */
  double petaflopsToReach(double loss) {
    Point before = null;
    for (Point point : validations()) {
      if (point.validLoss() <= loss) {
        if (before == null) {
          return point.petaflops();
        }
        double way = (before.validLoss() - loss) / (before.validLoss() - point.validLoss());
        return before.petaflops() + way * (point.petaflops() - before.petaflops());
      }
      before = point;
    }
    return Double.NaN;
  }

  /** The last point before each growth. */
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
   * What the smoothed training loss did after a growth.
   *
   * @param before the last point before it
   * @param highest of the losses after it, in nats
   */
  record Rise(Point before, double highest) {
    /** How far the highest lies above the loss before; below 0 where the loss only fell. */
    double percent() {
      return 100 * (highest / before.smoothed() - 1);
    }
  }

  /** The rises over so many steps after each growth. */
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
