package org.tokenformer.bench.growth;

import org.jfree.chart.JFreeChart;
import org.jfree.data.xy.XYSeries;

/** The chart of the smoothed training loss around growth, exact and released method. */
final class SpikeChart {
  private static final int STEPS_BEFORE = 30;

  private SpikeChart() {}

  static JFreeChart of(Study study) {
    CurveChart lines = new CurveChart();
    for (RunCurve curve : study.curves()) {
      boolean shown = curve.arm() == Arm.GROWN_ONCE || curve.arm() == Arm.RELEASED;
      if (shown && !curve.growths().isEmpty()) {
        Point before = curve.growths().getFirst();
        XYSeries line = lines.line(curve);
        for (Point point : curve.points()) {
          int since = point.step() - before.step();
          if (since >= -STEPS_BEFORE && since <= ResultsPage.SPIKE_STEPS) {
            line.add(since, point.smoothed());
          }
        }
        lines.dots(curve).add(0, before.smoothed());
      }
    }
    return lines.chart(
        "Training loss around growth", "steps since growth", "smoothed training loss (nats)");
  }
}
