package org.tokenformer.engine.train;

import java.math.BigDecimal;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.grow.Growth;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.training.Backpropagation;
import org.tokenformer.engine.model.training.DropoutSeeds;
import org.tokenformer.engine.model.training.SplitMix;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Trains a model step by step and grows it when the options say so; each growth replaces the model
 * by a larger one. Single-threaded. Between two steps the model and its sessions may be used.
 * Closing the trainer closes the model.
 */
public final class Trainer implements AutoCloseable {
  /** Separates the random numbers of nested dropout from others with the same seed. */
  private static final long NESTED = 0x6e6573746564L;

  /** Smallest percentage of parameter tokens in a micro-batch of nested dropout. */
  private static final int MIN_PERCENT = 10;

  private final TrainingOptions options;
  private final Windows windows;
  private final WindowSampler sampler;
  private final TokenSource data;
  private TrainingState state;
  private Progress progress;
  private @Nullable String fingerprint; // of the data, computed on first use

  /**
   * Creates the trainer of a new run.
   *
   * @param model owned by this trainer unless this fails
   * @param data at least one id more than a sequence
   * @throws DataTooShortException if there are fewer ids
   * @throws org.tokenformer.engine.model.ConfigException if the options do not fit the model
   */
  public Trainer(TrainableModel model, TokenSource data, TrainingOptions options) {
    this(model, data, options, Progress.START);
  }

  /** Continues a run: the weights are those at this progress; the caller loads the moments. */
  Trainer(TrainableModel model, TokenSource data, TrainingOptions options, Progress progress) {
    this.options = options;
    this.data = data;
    this.progress = progress;
    options.growth().last(model.config(), progress.growths());
    if (model.trainsOnlyNew() != options.growth().trainsOnlyNew(model.config())) {
      throw new IllegalArgumentException(
          "the model was created with onlyNew = "
              + model.trainsOnlyNew()
              + ", but the options require the opposite");
    }
    sampler = new WindowSampler(data.size(), options.shape().sequence(), options.seed());
    windows = new Windows(data, options.shape(), model.config());
    state = new TrainingState(model, options.shape(), options.optimizer());
  }

  /** Returns the current model. A growth replaces it and closes the previous one. */
  public TokenFormer model() {
    return state.model().model();
  }

  /** Returns the options of the run. */
  public TrainingOptions options() {
    return options;
  }

  Optimizer optimizer() {
    return state.optimizer();
  }

  /**
   * Returns the state to be saved in addition to weights and moments.
   *
   * @param validationLoss measured after the latest step, in nats; NaN if none was
   */
  SavedState state(double validationLoss) {
    String known = fingerprint;
    if (known == null) {
      known = Fingerprint.of(data);
      fingerprint = known;
    }
    return new SavedState(progress, options, data.size(), known, validationLoss);
  }

  /** Returns the number of steps done. */
  public int stepsDone() {
    return progress.step();
  }

  /** Returns the number of tokens trained on. */
  public long tokens() {
    return progress.tokens();
  }

  /** Returns whether all steps of the schedule are done. */
  public boolean isDone() {
    return progress.step() >= options.schedule().steps();
  }

  /**
   * Performs one step.
   *
   * @throws DivergedException if the loss or a gradient is NaN or infinite, or losses stay far
   *     above the lowest; this step has then changed no weight
   * @throws TrainingDataException if an id of the data is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if cancelled; the step then has no effect
   *     except a growth at its start
   */
  public TrainingStep step(@Nullable Cancellation cancellation) {
    long start = System.nanoTime();
    growIfDue();
    int step = progress.step() + 1;
    sampler.goTo(progress.position());
    StepResult result = runMicroBatches(step, cancellation);
    double loss = result.loss();
    SequencedMap<String, Tensor> gradients = state.backpropagation().gradients();
    double norm = optimizer().norm(gradients);
    if (!Double.isFinite(loss) || !Double.isFinite(norm)) {
      throw notFinite(step, loss, norm);
    }
    LossTrend trend = progress.trend().after(loss);
    if (trend.diverged()) {
      throw lossDiverged(step, loss);
    }
    double rate = options.schedule().rate(step) * options.growth().warmupFactor(step);
    optimizer().step(progress.optimizerSteps() + 1L, rate, gradients, norm);
    long tokens = options.tokensPerStep();
    progress = progress.afterStep(tokens, sampler.position(), trend);
    double seconds = (System.nanoTime() - start) / 1e9;
    return new TrainingStep(
        step,
        progress.tokens(),
        loss,
        trend.smoothed(),
        norm,
        rate,
        tokens,
        seconds,
        result.flops(),
        model().config().parameters());
  }

  /** Returns whether the model grows before the next step. */
  boolean growsNext() {
    return options.growth().dueAfter(progress.step()) > progress.growths();
  }

  /** Grows at the start of a step, so a checkpoint can precede or follow a growth. */
  private void growIfDue() {
    while (growsNext()) {
      int number = progress.growths();
      GrowthOptions.Stage stage = options.growth().stages().get(number);
      Growth growth = options.growth().growth(stage, model().config());
      state = state.grown(growth, options, SplitMix.hash(options.seed(), number));
      progress = progress.afterGrowth();
    }
  }

  /** The mean loss of a step's micro-batches and their floating-point operations. */
  private record StepResult(double loss, double flops) {}

  /** Accumulates the gradients of all micro-batches. */
  private StepResult runMicroBatches(int step, @Nullable Cancellation cancellation) {
    Backpropagation backpropagation = state.backpropagation();
    backpropagation.zeroGradients();
    float weight = 1f / options.tokensPerStep();
    double sum = 0;
    double flops = 0;
    for (int i = 0; i < options.accumulate(); i++) {
      for (int row = 0; row < options.shape().batch(); row++) {
        windows.read(row, sampler.next());
      }
      TokenFraction fraction = tokenFraction(step, i);
      flops += options.shape().rows() * flopsPerToken(fraction);
      DropoutSeeds seeds = new DropoutSeeds(options.seed(), step, i);
      sum +=
          backpropagation.accumulateGradients(
              windows.ids(),
              windows.targets(),
              weight,
              (float) options.dropout(),
              seeds,
              fraction,
              cancellation);
    }
    return new StepResult(sum / options.tokensPerStep(), flops);
  }

  /** Returns the fraction of the parameter tokens with which a micro-batch is trained. */
  private TokenFraction tokenFraction(int step, int batch) {
    if (options.nested() == 0) {
      return TokenFraction.ALL;
    }
    // 53 random bits as a number in [0, 1)
    double random = (SplitMix.hash(options.seed(), NESTED, step, batch) >>> 11) * 0x1p-53;
    if (random >= options.nested()) {
      return TokenFraction.ALL;
    }
    int percent = MIN_PERCENT + (int) (random / options.nested() * (100 - MIN_PERCENT));
    return new TokenFraction(BigDecimal.valueOf(percent));
  }

  /**
   * Returns the floating-point operations per token of a forward and a backward pass. The backward
   * pass costs as much as the forward pass for the gradients of activations, and once more for
   * those of weights that are not frozen.
   */
  private double flopsPerToken(TokenFraction fraction) {
    TokenFormerConfig config = model().config();
    double positions = (options.shape().sequence() + 1) / 2.0;
    double blocks = config.blockFlops(positions, fraction);
    double attention = blocks - config.blockFlops(0, fraction);
    double forward = blocks + config.logitsFlops();
    return 2 * forward + attention + 2.0 * state.model().multipliedWeights(fraction);
  }

  private DivergedException notFinite(int step, double loss, double norm) {
    String where;
    String tensor = optimizer().firstNotFinite(model().weights());
    if (tensor != null) {
      where = "weights in " + tensor + " are NaN or infinite";
    } else {
      tensor = optimizer().firstNotFinite(state.backpropagation().gradients());
      where =
          tensor == null
              ? "all gradients are finite"
              : "the gradient of " + tensor + ", and perhaps others, is NaN or infinite";
    }
    return new DivergedException(
        "step %d: loss %s, gradient norm %s: %s; no weight was changed by this step"
            .formatted(step, loss, norm, where),
        step,
        tensor);
  }

  /**
   * Checks that all weights are finite before they are saved.
   *
   * @throws DivergedException if any weight is NaN or infinite
   */
  void checkWeights() {
    String tensor = optimizer().firstNotFinite(model().weights());
    if (tensor != null) {
      throw new DivergedException(
          "step %d: weights in %s became NaN or infinite".formatted(progress.step(), tensor),
          progress.step(),
          tensor);
    }
  }

  private DivergedException lossDiverged(int step, double loss) {
    return new DivergedException(
        ("step %d: the loss diverged: it is %.4f and has been above %.4f for %d steps; the lowest"
                + " smoothed loss was %.4f")
            .formatted(
                step,
                loss,
                progress.trend().threshold(),
                LossTrend.MAX_HIGH,
                progress.trend().lowest()),
        step,
        null);
  }

  @Override
  public void close() {
    state.close();
  }
}
