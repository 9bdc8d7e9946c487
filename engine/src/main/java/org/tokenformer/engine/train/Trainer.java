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
 * Teaches a model step by step, and has it grow where the options say so: then it goes on with
 * another, larger model. One thread; between two steps the model may be used, its sessions too.
 * Closing it closes the model as well.
 */
public final class Trainer implements AutoCloseable {
  /** Tells the random numbers of nested dropout from others of the same seed. */
  private static final long NESTED = 0x6e6573746564L;

  /** Of the parameter tokens, in a micro-batch of nested dropout. */
  private static final int MIN_PERCENT = 10;

  private final TrainingOptions options;
  private final Windows windows;
  private final WindowSampler sampler;
  private final TokenSource data;
  private TrainingState state;
  private Progress progress;
  private @Nullable String fingerprint; // of the data, when first asked for

  /**
   * At the beginning of a run.
   *
   * @param model this trainer's from now on, but if this fails
   * @param data at least one id more than a sequence has rows
   * @throws DataTooShortException if they are fewer
   * @throws org.tokenformer.engine.model.ConfigException if the options do not fit the model
   */
  public Trainer(TrainableModel model, TokenSource data, TrainingOptions options) {
    this(model, data, options, Progress.START);
  }

  /** Where a run has come to; weights and moments are to be those of then. */
  Trainer(TrainableModel model, TokenSource data, TrainingOptions options, Progress progress) {
    this.options = options;
    this.data = data;
    this.progress = progress;
    options.growth().last(model.config(), progress.growths());
    if (model.trainsOnlyNew() != options.growth().trainsOnlyNew(model.config())) {
      throw new IllegalArgumentException(
          "the model was made with onlyNew = "
              + model.trainsOnlyNew()
              + ", the options say otherwise");
    }
    sampler = new WindowSampler(data.size(), options.shape().sequence(), options.seed());
    windows = new Windows(data, options.shape(), model.config());
    state = new TrainingState(model, options.shape(), options.optimizer());
  }

  /** What is result. After a growth it is another one than before, and that one is closed. */
  public TokenFormer model() {
    return state.model().model();
  }

  /** What the run is to do. */
  public TrainingOptions options() {
    return options;
  }

  Optimizer optimizer() {
    return state.optimizer();
  }

  /** What is to be saved besides weights and moments. */
  SavedState state() {
    String known = fingerprint;
    if (known == null) {
      known = Fingerprint.of(data);
      fingerprint = known;
    }
    return new SavedState(progress, options, data.size(), known);
  }

  /** Steps done. */
  public int stepsDone() {
    return progress.step();
  }

  /** Ids learned from. */
  public long tokens() {
    return progress.tokens();
  }

  /** Whether all steps of the schedule are done. */
  public boolean isDone() {
    return progress.step() >= options.schedule().steps();
  }

  /**
   * Does one step.
   *
   * @throws DivergedException if the loss or a gradient is NaN or infinite, or losses stay far
   *     above the lowest; no weight has been changed then by this step
   * @throws TrainingDataException if an id of the data is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if cancelled; the step is as if it had never
   *     begun, but for the growth before it
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
    if (trend.exploded()) {
      throw exploded(step, loss);
    }
    double rate = options.schedule().rate(step) * options.growth().warmupFactor(step);
    optimizer().step(step, rate, gradients, norm);
    long tokens = options.tokensPerStep();
    progress =
        new Progress(
            step, progress.tokens() + tokens, sampler.position(), trend, progress.growths());
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

  /** Whether the model grows before the next step. */
  boolean growsNext() {
    return options.growth().dueAfter(progress.step()) > progress.growths();
  }

  /** Grows at the beginning of a step, so that a checkpoint may lie on either side of a growth. */
  private void growIfDue() {
    while (growsNext()) {
      int number = progress.growths();
      GrowthOptions.Stage stage = options.growth().stages().get(number);
      Growth growth = options.growth().growth(stage, model().config());
      state = state.grown(growth, options, SplitMix.hash(options.seed(), number));
      progress =
          new Progress(
              progress.step(),
              progress.tokens(),
              progress.position(),
              progress.trend().afresh(),
              number + 1);
    }
  }

  /** What the micro-batches of a step came to: their mean loss, and their operations. */
  private record StepResult(double loss, double flops) {}

  /** Adds up the gradients of all micro-batches. */
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

  /** Which of the parameter tokens a micro-batch learns with. */
  private TokenFraction tokenFraction(int step, int batch) {
    if (options.nested() == 0) {
      return TokenFraction.ALL;
    }
    // 53 random bits as a number from 0 to below 1
    double random = (SplitMix.hash(options.seed(), NESTED, step, batch) >>> 11) * 0x1p-53;
    if (random >= options.nested()) {
      return TokenFraction.ALL;
    }
    int least = MIN_PERCENT;
    int percent = least + (int) (random / options.nested() * (100 - least));
    return new TokenFraction(BigDecimal.valueOf(percent));
  }

  /**
   * The way back takes the operations of the way forth once for the gradients of activations, and
   * once more for those of weights, of frozen ones not.
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
      where = "weights of " + tensor + " are NaN or infinite";
    } else {
      tensor = optimizer().firstNotFinite(state.backpropagation().gradients());
      where =
          tensor == null
              ? "all gradients are finite"
              : "the gradient of " + tensor + " is NaN or infinite, and perhaps others";
    }
    return new DivergedException(
        "step %d: loss %s, gradient norm %s: %s; no weight was changed by this step"
            .formatted(step, loss, norm, where),
        step,
        tensor);
  }

  /**
   * Looks whether the weights are worth saving.
   *
   * @throws DivergedException if some are NaN or infinite
   */
  void checkWeights() {
    String tensor = optimizer().firstNotFinite(model().weights());
    if (tensor != null) {
      throw new DivergedException(
          "step %d: weights of %s became NaN or infinite".formatted(progress.step(), tensor),
          progress.step(),
          tensor);
    }
  }

  private DivergedException exploded(int step, double loss) {
    return new DivergedException(
        ("step %d: the loss explodes: %.4f, and for %d steps above %.4f, where the lowest smoothed"
                + " one was %.4f")
            .formatted(
                step,
                loss,
                LossTrend.MAX_HIGH,
                progress.trend().highest(),
                progress.trend().lowest()),
        step,
        null);
  }

  @Override
  public void close() {
    state.close();
  }
}
