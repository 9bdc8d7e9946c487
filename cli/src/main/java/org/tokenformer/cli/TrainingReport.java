package org.tokenformer.cli;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.StatusLine;
import org.tokenformer.cli.metrics.MetricsFolder;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.train.RunListener;
import org.tokenformer.engine.train.TrainingStep;

/**
 * Reports the progress of a run: a status line on the console, and the metrics in the run folder.
 */
final class TrainingReport implements RunListener, Closeable {
  /** Speeds are averaged over about this many steps. */
  private static final int SPAN = 10;

  /** Minimum time between plots; drawing one takes as long as several steps. */
  private static final long PLOT_NANOS = 60_000_000_000L;

  private final Console console;
  private final MetricsFolder metrics;
  private final Path folder;
  private final int firstStep;
  private final int lastStep;
  private final double peakFlops;
  private final OnSaveError onSaveError;
  private final StatusLine status;
  private final Attempt writing = new Attempt("metrics");
  private final Attempt drawing = new Attempt("plots");
  private final long started = System.nanoTime();
  private long plotted = started;
  private double secondsPerToken;
  private double secondsPerFlop;
  private @Nullable TrainingStep last;
  private @Nullable Path checkpoint;
  private double validLoss = Double.NaN;
  private int sampleEvery;
  private @Nullable Supplier<String> sample; // null for no samples

  /**
   * Creates the report of a run.
   *
   * @param folder of the run
   * @param stepsDone steps done before
   * @param steps total steps
   * @param peakFlops the peak operations per second of this machine, or 0 if unknown
   * @param onSaveError what to do if an intermediate checkpoint cannot be written
   */
  TrainingReport(
      Console console,
      MetricsFolder metrics,
      Path folder,
      int stepsDone,
      int steps,
      double peakFlops,
      OnSaveError onSaveError) {
    this.console = console;
    this.metrics = metrics;
    this.folder = folder;
    this.peakFlops = peakFlops;
    this.onSaveError = onSaveError;
    firstStep = stepsDone;
    lastStep = steps;
    status = console.status();
  }

  /** Shows a text after every so many steps. */
  void showSamples(int every, Supplier<String> text) {
    sampleEvery = every;
    sample = text;
  }

  /** Optional output. If it fails, training continues without it, after one warning. */
  private final class Attempt {
    private final String what;
    private boolean failed;

    Attempt(String what) {
      this.what = what;
    }

    void run(Writing writing) {
      if (!failed) {
        runLast(writing);
      }
    }

    /** Writes even after a failure, which is reported only once. */
    void runLast(Writing writing) {
      try {
        writing.write();
      } catch (IOException e) {
        if (!failed) {
          console.warn("%s are no longer written: %s".formatted(what, Failures.describe(e)));
        }
        failed = true;
      }
    }
  }

  private interface Writing {
    void write() throws IOException;
  }

  @Override
  public void step(TrainingStep step) {
    double weight = last == null ? 1 : 1.0 / SPAN;
    secondsPerToken += weight * (step.seconds() / step.stepTokens() - secondsPerToken);
    secondsPerFlop += weight * (step.seconds() / step.flops() - secondsPerFlop);
    last = step;
    writing.run(() -> metrics.step(step));
    status.update(() -> line(step));
    if (sample != null && step.step() % sampleEvery == 0) {
      console.note("step %d/%d  sample: %s".formatted(step.step(), lastStep, sample.get()));
    }
  }

  @Override
  public void grown(int step, TokenFormerConfig before, TokenFormerConfig after) {
    console.note(
        "step %d/%d  grown from %s to %s parameters: %d layers, parameter tokens %s"
            .formatted(
                step,
                lastStep,
                Amount.count(before.parameters()),
                Amount.count(after.parameters()),
                after.layers().size(),
                String.join("; ", ModelSummary.layers(after))));
  }

  private String line(TrainingStep step) {
    double elapsed = (System.nanoTime() - started) / 1e9;
    double left = elapsed / (step.step() - firstStep) * (lastStep - step.step());
    double fraction = peakFlops == 0 ? 0 : 1 / (secondsPerFlop * peakFlops);
    return status.fitting(
        List.of(
            "step %d/%d".formatted(step.step(), lastStep),
            Amount.duration(left) + " left",
            "loss %.4f".formatted(step.loss()),
            "smoothed %.4f".formatted(step.smoothedLoss()),
            Amount.rate(1 / secondsPerToken) + " tok/s",
            "gradient %.3f".formatted(step.gradientNorm()),
            Amount.rate(1e-9 / secondsPerFlop)
                + " GFLOP/s"
                + (peakFlops == 0 ? "" : " (%d %%)".formatted(Math.round(100 * fraction)))));
  }

  @Override
  public void validated(int step, long tokens, double loss) {
    validLoss = loss;
    writing.run(() -> metrics.validated(step, tokens, loss));
    console.note("step %d/%d  validation loss %.4f".formatted(step, lastStep, loss));
  }

  @Override
  public void saved(Path where) {
    checkpoint = where;
    writing.run(metrics::writeTable);
    if (System.nanoTime() - plotted > PLOT_NANOS) {
      plot();
    }
  }

  private void plot() {
    TrainingStep step = last;
    if (step != null) {
      String name = String.valueOf(folder.toAbsolutePath().normalize().getFileName());
      String parameters = Amount.count(step.parameters());
      String title =
          "%s: %s parameters, step %d of %d: %s"
              .formatted(name, parameters, step.step(), lastStep, losses(step));
      drawing.run(() -> metrics.plot(title));
      plotted = System.nanoTime();
    }
  }

  private String losses(TrainingStep step) {
    return "smoothed loss %.4f".formatted(step.smoothedLoss())
        + (Double.isNaN(validLoss) ? "" : ", validation loss %.4f".formatted(validLoss));
  }

  @Override
  public boolean saveFailed(int step, IOException reason) {
    if (onSaveError == OnSaveError.STOP) {
      return false; // the run ends with an error that explains it
    }
    console.warn(
        "step %d was not saved; training continues and tries again at the next checkpoint: %s"
            .formatted(step, Failures.describe(reason)));
    return true;
  }

  /**
   * Reports the result and where it is saved.
   *
   * @param complete whether all steps are done
   */
  void finish(boolean complete) throws IOException {
    status.close();
    TrainingStep step = last;
    if (step == null) {
      console.note(
          complete
              ? ("nothing to do: the run has already done all its steps (%d); to train further,"
                      + " add --steps with a larger total, or start a new run from its model with -m")
                  .formatted(lastStep)
              : "interrupted before the next step");
      return;
    }
    console.note(
        "%s after step %d of %d, saved as %s; %s%s"
            .formatted(
                complete ? "done" : "interrupted",
                step.step(),
                lastStep,
                checkpoint,
                losses(step),
                complete ? "" : "; add --resume to continue"));
    String best = RunSummary.best(folder);
    if (best != null) {
      console.note("best checkpoint: " + best);
    }
  }

  /** Writes the final table and plots. */
  @Override
  public void close() {
    status.close();
    if (last != null) {
      writing.run(metrics::writeTable);
      plot();
    }
    writing.runLast(metrics::close);
  }
}
