package org.tokenformer.cli.metrics;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The metrics of a run. */
final class TrainingMetrics {
  private final List<Step> steps = new ArrayList<>();
  private final List<Validation> validations = new ArrayList<>();

  /** One entry of the metrics. */
  sealed interface Row {
    /** Returns the number of steps done. */
    long step();

    /** Returns the number of tokens seen. */
    long tokens();
  }

  /**
   * A step.
   *
   * @param loss in nats
   * @param smoothed running mean of the latest losses in nats
   * @param flops floating-point operations required by the step
   * @param parameters of the model, which may grow during the run
   */
  record Step(
      long step,
      long tokens,
      double loss,
      double smoothed,
      double gradientNorm,
      double learningRate,
      double tokensPerSecond,
      double flops,
      long parameters)
      implements Row {}

  /**
   * A validation.
   *
   * @param loss in nats
   */
  record Validation(long step, long tokens, double loss) implements Row {}

  void add(Row row) {
    switch (row) {
      case Step step -> steps.add(step);
      case Validation validation -> validations.add(validation);
    }
  }

  List<Step> steps() {
    return Collections.unmodifiableList(steps);
  }

  List<Validation> validations() {
    return Collections.unmodifiableList(validations);
  }
}
