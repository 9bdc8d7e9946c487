package org.tokenformer.cli;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.StatusLine;
import org.tokenformer.engine.train.RunListener;
import org.tokenformer.engine.train.TrainingStep;

/** Tells how a run goes: on the console a line, in the run's folder the metrics. */
final class TrainingReport implements RunListener, Closeable {
  /** Speeds are those of about so many steps. */
  private static final int SPAN = 10;

  private final Console console;
  private final MetricsLog metrics;
  private final int firstStep;
  private final int lastStep;
  private final double peakFlops;
  private final StatusLine status;
  private final long started = System.nanoTime();
  private double secondsPerToken;
  private double secondsPerFlop;
  private boolean metricsFailed;
  private @Nullable Path checkpoint;
  private @Nullable TrainingStep last;
  private double validLoss = Double.NaN;

  /**
   * For a run.
   *
   * @param stepsDone before it began
   * @param steps in all
   * @param peakFlops operations a second that this machine can do at most, or 0 if not known
   */
  TrainingReport(Console console, MetricsLog metrics, int stepsDone, int steps, double peakFlops) {
    this.console = console;
    this.metrics = metrics;
    this.peakFlops = peakFlops;
    firstStep = stepsDone;
    lastStep = steps;
    status = console.status();
  }

  @Override
  public void step(TrainingStep step) {
    double weight = last == null ? 1 : 1.0 / SPAN;
    secondsPerToken += weight * (step.seconds() / step.stepTokens() - secondsPerToken);
    secondsPerFlop += weight * (step.seconds() / step.flops() - secondsPerFlop);
    last = step;
    write(() -> metrics.step(step));
    status.update(() -> line(step));
  }

  private String line(TrainingStep step) {
    double elapsed = (System.nanoTime() - started) / 1e9;
    double left = elapsed / (step.step() - firstStep) * (lastStep - step.step());
    double timesPeak = secondsPerFlop * peakFlops;
    return "step %d/%d  loss %.4f  smoothed %.4f  gradient %.3f  %s tok/s  %s GFLOP/s%s  %s left"
        .formatted(
            step.step(),
            lastStep,
            step.loss(),
            step.smoothedLoss(),
            step.gradientNorm(),
            Amount.rate(1 / secondsPerToken),
            Amount.rate(1e-9 / secondsPerFlop),
            timesPeak == 0 ? "" : " (%d %%)".formatted(Math.round(100 / timesPeak)),
            Amount.duration(left));
  }

  @Override
  public void validated(int step, long tokens, double loss) {
    validLoss = loss;
    write(() -> metrics.validated(step, tokens, loss));
    console.note("step %d/%d  validation loss %.4f".formatted(step, lastStep, loss));
  }

  @Override
  public void saved(Path where) {
    checkpoint = where;
  }

  @Override
  public boolean saveFailed(int step, IOException reason) {
    console.warn(
        "step %d was not saved, the run goes on and tries again at the next checkpoint: %s"
            .formatted(step, Failures.describe(reason)));
    return true;
  }

  private interface Writing {
    void write() throws IOException;
  }

  /** Weights are worth more than metrics: a run does not end because these cannot be written. */
  private void write(Writing writing) {
    if (metricsFailed) {
      return;
    }
    try {
      writing.write();
    } catch (IOException e) {
      metricsFailed = true;
      console.warn(MetricsLog.FILE + " lacks what comes from here on: " + Failures.describe(e));
    }
  }

  /**
   * Says what was done, and where it is.
   *
   * @param complete whether the run came to its end
   */
  void finish(boolean complete) {
    status.close();
    TrainingStep step = last;
    if (step == null) {
      console.note(
          complete
              ? "all %d steps were done already".formatted(lastStep)
              : "interrupted before another step was done");
      return;
    }
    console.note(
        "%s after step %d of %d: %s; smoothed loss %.4f%s"
            .formatted(
                complete ? "done" : "interrupted",
                step.step(),
                lastStep,
                "saved " + Objects.requireNonNull(checkpoint),
                step.smoothedLoss(),
                Double.isNaN(validLoss) ? "" : ", validation loss %.4f".formatted(validLoss)));
  }

  @Override
  public void close() throws IOException {
    status.close();
    metrics.close();
  }
}
