package org.tokenformer.cli.metrics;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.Paint;
import java.awt.Shape;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Line2D;
import java.awt.geom.Rectangle2D;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.block.BlockBorder;
import org.jfree.chart.plot.CombinedDomainXYPlot;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.text.TextUtils;
import org.jfree.chart.title.LegendTitle;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.RectangleInsets;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;
import org.tokenformer.cli.metrics.TrainingMetrics.Step;
import org.tokenformer.cli.metrics.TrainingMetrics.Validation;

/**
 * Charts of a run over the tokens seen: training loss (per step and smoothed) and validation loss
 * on top, learning rate and gradient norm below.
 */
final class LossChart {
  static final int WIDTH = 1080;
  static final int HEIGHT = 780;

  /** Maximum number of steps drawn; the chart has fewer pixels. */
  private static final int MAX_POINTS = 2000;

  private static final Color INK = new Color(0x22, 0x2B, 0x38);
  private static final Color FAINT_INK = new Color(0x6B, 0x74, 0x80);
  private static final Color GRID = new Color(0xE4, 0xE7, 0xEC);
  private static final Color BLUE = new Color(0x1F, 0x5F, 0xBF);
  private static final Color FAINT_BLUE = new Color(0xB9, 0xCF, 0xEE);
  private static final Color ORANGE = new Color(0xE0, 0x6C, 0x00);
  private static final Color GREEN = new Color(0x1B, 0x8A, 0x5A);
  private static final Color PURPLE = new Color(0x8E, 0x7C, 0xB8);
  private static final Shape DOT = new Ellipse2D.Double(-4, -4, 8, 8);

  /** Quantile of gradient norms that fits the axis; the first norms may be far larger. */
  private static final double NORM_QUANTILE = 0.99;

  static {
    TextUtils.setUseDrawRotatedStringWorkaround(false); // it would turn text into shapes
  }

  private final TrainingMetrics metrics;
  private final List<Step> steps = new ArrayList<>();
  private final double unit; // thousand or million tokens

  /** Creates a chart of at least one step. */
  LossChart(TrainingMetrics metrics) {
    this.metrics = metrics;
    int count = metrics.steps().size();
    int every = Math.ceilDiv(count, MAX_POINTS);
    for (int row = (count - 1) % every; row < count; row += every) {
      steps.add(metrics.steps().get(row)); // always includes the last step
    }
    unit = steps.getLast().tokens() < 1_000_000 ? 1e3 : 1e6;
  }

  /** Draws the chart, {@link #WIDTH} by {@link #HEIGHT}. */
  void draw(Graphics2D graphics, String title) {
    NumberAxis tokens = axis("tokens seen (" + (unit < 1e6 ? "thousands)" : "millions)"));
    tokens.setRange(0, 1.01 * steps.getLast().tokens() / unit); // room for half a dot
    CombinedDomainXYPlot panels = new CombinedDomainXYPlot(tokens);
    panels.setGap(18);
    panels.add(losses(), 60);
    panels.add(learningRates(), 15);
    panels.add(gradientNorms(), 20);
    JFreeChart chart = new JFreeChart(title, font(Font.BOLD, 16), panels, false);
    chart.setBackgroundPaint(Color.WHITE);
    chart.setPadding(new RectangleInsets(10, 10, 10, 24));
    chart.getTitle().setPaint(INK);
    LegendTitle legend = new LegendTitle(panels);
    legend.setPosition(RectangleEdge.TOP);
    legend.setItemFont(font(Font.PLAIN, 13));
    legend.setItemPaint(INK);
    legend.setFrame(BlockBorder.NONE);
    legend.setItemLabelPadding(new RectangleInsets(2, 4, 2, 14));
    chart.addSubtitle(legend);
    chart.draw(graphics, new Rectangle2D.Double(0, 0, WIDTH, HEIGHT));
  }

  private XYPlot losses() {
    NumberAxis axis = axis("loss (nats)");
    axis.setAutoRangeIncludesZero(false);
    Panel panel = new Panel();
    if (!metrics.validations().isEmpty()) {
      XYSeries series = new XYSeries("validation loss");
      for (Validation validation : metrics.validations()) {
        series.add(validation.tokens() / unit, validation.loss());
      }
      panel.add(series, ORANGE, 1.4f);
      panel.renderer.setSeriesShapesVisible(0, true);
      panel.renderer.setSeriesShape(0, DOT);
    }
    panel.add(series("training loss (smoothed)", Step::smoothed), BLUE, 2.2f);
    panel.add(series("training loss (per step)", Step::loss), FAINT_BLUE, 1);
    return panel.plot(axis);
  }

  private XYPlot learningRates() {
    Panel panel = new Panel();
    panel.add(series("learning rate", Step::learningRate), GREEN, 2.2f);
    return panel.plot(axis("learning rate"));
  }

  private XYPlot gradientNorms() {
    NumberAxis axis = axis("gradient norm");
    double[] norms = steps.stream().mapToDouble(Step::gradientNorm).sorted().toArray();
    double large = norms[(int) (NORM_QUANTILE * (norms.length - 1))];
    axis.setRange(0, large > 0 ? 1.1 * large : 1);
    Panel panel = new Panel();
    panel.add(series("gradient norm", Step::gradientNorm), PURPLE, 1);
    return panel.plot(axis);
  }

  private XYSeries series(String name, ToDoubleFunction<Step> value) {
    XYSeries series = new XYSeries(name);
    for (Step step : steps) {
      series.add(step.tokens() / unit, value.applyAsDouble(step));
    }
    return series;
  }

  /** Lines of one plot; the first is drawn on top. */
  private static final class Panel {
    private final XYSeriesCollection data = new XYSeriesCollection();
    private final XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer(true, false);

    void add(XYSeries series, Paint paint, float width) {
      int index = data.getSeriesCount();
      data.addSeries(series);
      renderer.setSeriesPaint(index, paint);
      renderer.setSeriesStroke(
          index, new BasicStroke(width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    }

    XYPlot plot(NumberAxis axis) {
      renderer.setDrawSeriesLineAsPath(true);
      renderer.setLegendLine(new Line2D.Double(-12, 0, 12, 0));
      XYPlot plot = new XYPlot(data, null, axis, renderer);
      plot.setBackgroundPaint(Color.WHITE);
      plot.setOutlineVisible(false);
      plot.setDomainGridlinePaint(GRID);
      plot.setRangeGridlinePaint(GRID);
      plot.setDomainGridlineStroke(new BasicStroke(1));
      plot.setRangeGridlineStroke(new BasicStroke(1));
      return plot;
    }
  }

  private static NumberAxis axis(String label) {
    NumberAxis axis = new NumberAxis(label);
    axis.setLabelFont(font(Font.PLAIN, 13));
    axis.setLabelPaint(INK);
    axis.setTickLabelFont(font(Font.PLAIN, 12));
    axis.setTickLabelPaint(FAINT_INK);
    hideLines(axis);
    return axis;
  }

  private static void hideLines(ValueAxis axis) {
    axis.setAxisLineVisible(false);
    axis.setTickMarksVisible(false);
  }

  private static Font font(int style, int size) {
    return new Font(Font.SANS_SERIF, style, size);
  }
}
