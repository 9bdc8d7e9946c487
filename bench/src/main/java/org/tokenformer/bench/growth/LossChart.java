package org.tokenformer.bench.growth;

import java.util.List;
import org.jfree.chart.JFreeChart;
import org.jfree.data.xy.XYSeries;

/** The chart of the validation loss of all runs against their cost. */
final class LossChart {
  /** Range of losses shown above the lowest; the first losses of all runs are similar. */
  private static final double SHOWN_NATS = 1.5;

  private LossChart() {}

  /** A measure of the cost of a run. */
  enum Cost {
    PETAFLOPS("training compute (10¹⁵ floating-point operations)"),
    MINUTES("training time (minutes)");

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
    for (RunCurve curve : study.curves()) {
      XYSeries line = lines.line(curve);
      for (Point point : curve.validations()) {
        line.add(cost.of(point), point.validLoss());
        lowest = Math.min(lowest, point.validLoss());
      }
    }
    for (RunCurve curve : study.curves()) {
      XYSeries dots = lines.dots(curve);
      for (Point growth : curve.growths()) {
        double loss = lossAt(curve.validations(), growth.step());
        if (!Double.isNaN(loss)) {
          dots.add(cost.of(growth), loss);
        }
      }
    }
    JFreeChart chart =
        lines.chart(
            "Validation loss of each run (dots mark growth)", cost.label, "validation loss (nats)");
    if (lowest < Double.MAX_VALUE) {
      chart.getXYPlot().getRangeAxis().setRange(lowest - 0.05, lowest + SHOWN_NATS);
    }
    return chart;
  }

  /** Interpolates linearly between two validations; NaN outside of their range. */
  private static double lossAt(List<Point> validations, int step) {
    Point before = null;
    for (Point point : validations) {
      if (point.step() >= step) {
        if (before == null) {
          return point.step() == step ? point.validLoss() : Double.NaN;
        }
        double fraction = (double) (step - before.step()) / (point.step() - before.step());
        return before.validLoss() + fraction * (point.validLoss() - before.validLoss());
      }
      before = point;
    }
    return Double.NaN;
  }
}
