package org.tokenformer.bench.growth;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Shape;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.util.EnumSet;
import java.util.Set;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.block.BlockBorder;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.title.LegendTitle;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.RectangleInsets;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;

/**
 * A chart with a line for each run, in the colour of its configuration, and a dot for each growth.
 */
final class CurveChart {
  private static final Color INK = new Color(0x22, 0x2B, 0x38);
  private static final Color GRID = new Color(0xE4, 0xE7, 0xEC);
  private static final Shape DOT = new Ellipse2D.Double(-5, -5, 10, 10);
  private static final float WIDTH = 1.6f;

  private final XYSeriesCollection data = new XYSeriesCollection();
  private final XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer(true, false);
  private final Set<Arm> named = EnumSet.noneOf(Arm.class);

  /** Adds a line; only the first line of each configuration is listed in the legend. */
  XYSeries line(RunCurve curve) {
    XYSeries series = add(curve, "", curve.arm().label());
    int index = data.indexOf(series.getKey());
    renderer.setSeriesStroke(
        index, new BasicStroke(WIDTH, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    renderer.setSeriesVisibleInLegend(index, named.add(curve.arm()));
    return series;
  }

  /** Adds a series of dots for growths. */
  XYSeries dots(RunCurve curve) {
    XYSeries series = add(curve, " grows", "");
    int index = data.indexOf(series.getKey());
    renderer.setSeriesLinesVisible(index, false);
    renderer.setSeriesShapesVisible(index, true);
    renderer.setSeriesShape(index, DOT);
    renderer.setSeriesVisibleInLegend(index, false);
    return series;
  }

  private XYSeries add(RunCurve curve, String suffix, String label) {
    XYSeries series = new XYSeries(curve.name() + suffix);
    series.setDescription(label);
    data.addSeries(series);
    renderer.setSeriesPaint(data.getSeriesCount() - 1, curve.arm().color());
    return series;
  }

  /** Returns the chart with a legend on top. */
  JFreeChart chart(String title, String xLabel, String yLabel) {
    renderer.setDrawSeriesLineAsPath(true);
    renderer.setLegendLine(new Line2D.Double(-12, 0, 12, 0));
    renderer.setLegendItemLabelGenerator((lines, index) -> data.getSeries(index).getDescription());
    XYPlot plot = new XYPlot(data, axis(xLabel), axis(yLabel), renderer);
    plot.setBackgroundPaint(Color.WHITE);
    plot.setOutlineVisible(false);
    plot.setDomainGridlinePaint(GRID);
    plot.setRangeGridlinePaint(GRID);
    plot.setDomainGridlineStroke(new BasicStroke(1));
    plot.setRangeGridlineStroke(new BasicStroke(1));
    JFreeChart chart = new JFreeChart(title, font(Font.BOLD, 16), plot, false);
    chart.setBackgroundPaint(Color.WHITE);
    chart.setPadding(new RectangleInsets(10, 10, 10, 24));
    chart.getTitle().setPaint(INK);
    LegendTitle legend = new LegendTitle(plot);
    legend.setPosition(RectangleEdge.TOP);
    legend.setItemFont(font(Font.PLAIN, 13));
    legend.setItemPaint(INK);
    legend.setFrame(BlockBorder.NONE);
    legend.setItemLabelPadding(new RectangleInsets(2, 4, 2, 14));
    chart.addSubtitle(legend);
    return chart;
  }

  private static NumberAxis axis(String label) {
    NumberAxis axis = new NumberAxis(label);
    axis.setAutoRangeIncludesZero(false);
    axis.setLabelFont(font(Font.PLAIN, 13));
    axis.setLabelPaint(INK);
    axis.setTickLabelFont(font(Font.PLAIN, 12));
    axis.setTickLabelPaint(INK);
    axis.setAxisLineVisible(false);
    axis.setTickMarksVisible(false);
    return axis;
  }

  private static Font font(int style, int size) {
    return new Font(Font.SANS_SERIF, style, size);
  }
}
