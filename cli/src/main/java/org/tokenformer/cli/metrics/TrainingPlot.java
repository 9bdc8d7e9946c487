package org.tokenformer.cli.metrics;

import de.erichseifert.vectorgraphics2d.VectorGraphics2D;
import de.erichseifert.vectorgraphics2d.svg.SVGProcessor;
import de.erichseifert.vectorgraphics2d.util.PageSize;
import java.awt.AWTError;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.tokenformer.engine.checkpoint.AtomicFiles;

/** Writes the {@link LossChart} of a run as a PNG and as a self-contained HTML page. */
final class TrainingPlot {
  static final String IMAGE_FILE = "train-plot.png";
  static final String PAGE_FILE = "train-plot.html";

  /** Pixels per unit of the chart, for high-resolution screens. */
  private static final int SCALE = 2;

  private static final Pattern TAG = Pattern.compile("<[^>]*>");
  private static final Pattern LONG_DECIMALS = Pattern.compile("(\\d\\.\\d\\d)\\d+");

  private TrainingPlot() {}

  /**
   * Writes both files.
   *
   * @param title one line above the chart
   * @throws IOException if they cannot be written, or if this JVM cannot draw
   */
  static void write(Path folder, TrainingMetrics metrics, String title) throws IOException {
    System.setProperty("java.awt.headless", "true");
    byte[] image;
    String page;
    try {
      LossChart chart = new LossChart(metrics);
      image = image(chart, title);
      page = page(svg(chart, title), title);
    } catch (AWTError | InternalError | LinkageError | RuntimeException e) {
      // No fonts, or a JVM without java.desktop: no reason to end the run.
      throw new IOException("this JVM cannot draw charts: " + e, e);
    }
    AtomicFiles.write(folder.resolve(IMAGE_FILE), out -> out.write(ByteBuffer.wrap(image)));
    AtomicFiles.writeText(folder.resolve(PAGE_FILE), page);
  }

  private static byte[] image(LossChart chart, String title) throws IOException {
    BufferedImage image =
        new BufferedImage(
            SCALE * LossChart.WIDTH, SCALE * LossChart.HEIGHT, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
    graphics.scale(SCALE, SCALE);
    chart.draw(graphics, title);
    graphics.dispose();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageIO.setUseCache(false); // in memory
    ImageIO.write(image, "png", bytes);
    return bytes.toByteArray();
  }

  private static String svg(LossChart chart, String title) throws IOException {
    VectorGraphics2D graphics = new VectorGraphics2D();
    chart.draw(graphics, title);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    new SVGProcessor()
        .getDocument(graphics.getCommands(), new PageSize(0, 0, LossChart.WIDTH, LossChart.HEIGHT))
        .writeTo(bytes);
    String document = bytes.toString(StandardCharsets.UTF_8);
    String svg = document.substring(document.indexOf("<svg")); // without the XML declaration
    return TAG.matcher(svg)
        .replaceAll(
            tag -> // halves the size without a visible difference
            Matcher.quoteReplacement(LONG_DECIMALS.matcher(tag.group()).replaceAll("$1")));
  }

  private static String page(String svg, String title) {
    return """
    <!doctype html>
    <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>%s</title>
    <style>
      body { margin: 2em auto; max-width: 1080px; background: white }
      svg { width: 100%%; height: auto; font-size: 12px }
      text { font-family: system-ui, sans-serif !important }
    </style>
    %s
    </html>
    """
        .formatted(escaped(title), svg);
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
