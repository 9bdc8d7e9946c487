package org.tokenformer.bench.growth;

import org.jfree.chart.JFreeChart;
import org.jfree.data.xy.XYSeries;

/** The smoothed training loss around the growth, exact beside released. */
final class SpikeChart {
  private static final int STEPS_BEFORE = 30;

  private SpikeChart() {}

  static JFreeChart of(Study study) {
    CurveChart lines = new CurveChart();
    for (RunCurve course : study.courses()) {
      boolean shown = course.arm() == Arm.GROWN_ONCE || course.arm() == Arm.RELEASED;
      if (shown && !course.growths().isEmpty()) {
        Point before = course.growths().getFirst();
        XYSeries line = lines.line(course);
        for (Point point : course.points()) {
          int since = point.step() - before.step();
          if (since >= -STEPS_BEFORE && since <= ResultsPage.SPIKE_STEPS) {
            line.add(since, point.smoothed());
          }
        }
        lines.dots(course).add(0, before.smoothed());
      }
    }
    return lines.chart(
        "Training loss around the growth",
        "steps since the growth",
        "smoothed training loss (nats)");
  }
}
