package org.tokenformer.bench.growth;

import java.util.List;
import org.jfree.chart.JFreeChart;
import org.jfree.data.xy.XYSeries;

/** The validation loss of all arms against what it has cost. */
final class LossChart {
  /** How far above the lowest loss the chart goes: the beginnings of all runs are alike. */
  private static final double SHOWN_NATS = 1.5;

  private LossChart() {}

  /** What a run costs. */
  enum Cost {
    PETAFLOPS("10¹⁵ floating-point operations"),
    MINUTES("minutes of steps");

    private final String label;

    Cost(String label) {
      this.label = label;
    }

    double of(Point point) {
      return switch (this) {
        case PETAFLOPS -> point.petaflops();
        case MINUTES -> point.seconds() / 60;
      };
    }
  }

  static JFreeChart against(Study study, Cost cost) {
    CurveChart lines = new CurveChart();
    double lowest = Double.MAX_VALUE;
    for (RunCurve course : study.courses()) {
      XYSeries line = lines.line(course);
      for (Point point : course.validations()) {
        line.add(cost.of(point), point.validLoss());
        lowest = Math.min(lowest, point.validLoss());
      }
    }
    for (RunCurve course : study.courses()) {
      XYSeries dots = lines.dots(course);
      for (Point growth : course.growths()) {
        double loss = lossAt(course.validations(), growth.step());
        if (!Double.isNaN(loss)) {
          dots.add(cost.of(growth), loss);
        }
      }
    }
    JFreeChart chart =
        lines.chart(
            "Validation loss of each run; a dot where it grows",
            cost.label,
            "validation loss (nats)");
    if (lowest < Double.MAX_VALUE) {
      chart.getXYPlot().getRangeAxis().setRange(lowest - 0.05, lowest + SHOWN_NATS);
    }
    return chart;
  }

  /** On the line between two validations; NaN outside of all. */
  private static double lossAt(List<Point> validations, int step) {
    Point before = null;
    for (Point point : validations) {
      if (point.step() >= step) {
        if (before == null) {
          return point.step() == step ? point.validLoss() : Double.NaN;
        }
        double way = (double) (step - before.step()) / (point.step() - before.step());
        return before.validLoss() + way * (point.validLoss() - before.validLoss());
      }
      before = point;
    }
    return Double.NaN;
  }
}
