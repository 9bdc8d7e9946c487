package org.tokenformer.cli.metrics;

import it.unimi.dsi.fastutil.doubles.DoubleArrayList;
import it.unimi.dsi.fastutil.longs.LongArrayList;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import org.tokenformer.cli.metrics.TrainingMetrics.Row;
import org.tokenformer.cli.metrics.TrainingMetrics.Step;
import org.tokenformer.cli.metrics.TrainingMetrics.Validation;
import org.tokenformer.engine.checkpoint.AtomicFiles;
import org.tokenformer.engine.checkpoint.AtomicFolder;
import org.tokenformer.engine.train.TrainingStep;
import org.tokenformer.tokenizer.dataset.NumberTable;

/**
 * The metrics of a run in its folder. {@code metrics.jsonl} has one line per step, and one with
 * {@code valid_loss} per validation; each line is flushed before the next step starts. {@code
 * metrics.arrow}, with one row per step, and the plots are written on request.
 */
public final class MetricsFolder implements Closeable {
  private static final String LINES_FILE = "metrics.jsonl";
  private static final String TABLE_FILE = "metrics.arrow";

  /** The names of all files that this class writes. */
  public static final Set<String> FILES =
      Set.of(LINES_FILE, TABLE_FILE, TrainingPlot.IMAGE_FILE, TrainingPlot.PAGE_FILE);

  private final Path folder;
  private final TrainingMetrics metrics;
  private final BufferedWriter lines;

  private MetricsFolder(Path folder, TrainingMetrics metrics, BufferedWriter lines) {
    this.folder = folder;
    this.metrics = metrics;
    this.lines = lines;
  }

  /**
   * Opens the metrics of a run and drops lines of later steps, which a killed run may have written.
   *
   * @param folder an existing folder
   * @param stepsDone 0 for a new run
   */
  public static MetricsFolder open(Path folder, int stepsDone) throws IOException {
    for (String name : FILES) {
      AtomicFolder.deleteLeftovers(folder, name);
    }
    Path file = folder.resolve(LINES_FILE);
    TrainingMetrics metrics = new TrainingMetrics();
    StringBuilder kept = new StringBuilder();
    if (Files.exists(file)) {
      try (BufferedReader in = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
        for (String line = in.readLine(); line != null; line = in.readLine()) {
          Row row = MetricsLine.parse(line);
          if (row != null && row.step() <= stepsDone) {
            metrics.add(row);
            kept.append(line).append('\n');
          }
        }
      }
    }
    AtomicFiles.writeText(file, kept.toString());
    BufferedWriter lines =
        Files.newBufferedWriter(file, StandardCharsets.UTF_8, StandardOpenOption.APPEND);
    return new MetricsFolder(folder, metrics, lines);
  }

  /** Writes the metrics of a step. */
  public void step(TrainingStep step) throws IOException {
    add(
        new Step(
            step.step(),
            step.tokens(),
            step.loss(),
            step.smoothedLoss(),
            step.gradientNorm(),
            step.learningRate(),
            Math.round(step.tokensPerSecond() * 10) / 10.0,
            step.flops(),
            step.parameters()));
  }

  /**
   * Writes the result of a validation.
   *
   * @param step number of steps done before it
   * @param tokens tokens seen before it
   * @param loss in nats
   */
  public void validated(int step, long tokens, double loss) throws IOException {
    add(new Validation(step, tokens, loss));
  }

  private void add(Row row) throws IOException {
    metrics.add(row);
    lines.write(MetricsLine.of(row) + "\n");
    lines.flush();
  }

  /** Writes {@code metrics.arrow} with all steps so far. */
  public void writeTable() throws IOException {
    LongArrayList steps = new LongArrayList(metrics.steps().size());
    LongArrayList tokens = new LongArrayList(metrics.steps().size());
    LongArrayList parameters = new LongArrayList(metrics.steps().size());
    for (Step step : metrics.steps()) {
      steps.add(step.step());
      tokens.add(step.tokens());
      parameters.add(step.parameters());
    }
    NumberTable.write(
        folder.resolve(TABLE_FILE),
        List.of(
            new NumberTable.Longs(MetricsLine.STEP, steps),
            new NumberTable.Longs(MetricsLine.TOKENS, tokens),
            column(MetricsLine.LOSS, Step::loss),
            column(MetricsLine.SMOOTHED, Step::smoothed),
            column(MetricsLine.GRADIENT_NORM, Step::gradientNorm),
            column(MetricsLine.LEARNING_RATE, Step::learningRate),
            column(MetricsLine.TOKENS_PER_SECOND, Step::tokensPerSecond),
            column(MetricsLine.FLOPS, Step::flops),
            new NumberTable.Longs(MetricsLine.PARAMETERS, parameters),
            new NumberTable.Doubles(MetricsLine.VALID_LOSS, validLosses())));
  }

  private NumberTable.Doubles column(String name, ToDoubleFunction<Step> value) {
    DoubleArrayList values = new DoubleArrayList(metrics.steps().size());
    for (Step step : metrics.steps()) {
      values.add(value.applyAsDouble(step));
    }
    return new NumberTable.Doubles(name, values);
  }

  /** Returns the validation loss of each step; NaN if none was measured. */
  private DoubleArrayList validLosses() {
    DoubleArrayList losses = new DoubleArrayList(metrics.steps().size());
    int next = 0;
    List<Validation> validations = metrics.validations();
    for (Step step : metrics.steps()) {
      double loss = Double.NaN;
      for (; next < validations.size() && validations.get(next).step() <= step.step(); next++) {
        loss = validations.get(next).loss();
      }
      losses.add(loss);
    }
    return losses;
  }

  /**
   * Draws the plots of all steps so far; does nothing if there are none.
   *
   * @param title one line above the charts
   * @throws IOException if they cannot be written, or if this JVM cannot draw
   */
  public void plot(String title) throws IOException {
    if (!metrics.steps().isEmpty()) {
      TrainingPlot.write(folder, metrics, title);
    }
  }

  @Override
  public void close() throws IOException {
    lines.close();
  }
}
