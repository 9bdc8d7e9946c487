package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.train.GrowthOptions;
import org.tokenformer.engine.train.RunFolder;
import org.tokenformer.engine.train.SavedRun;
import org.tokenformer.engine.train.Schedule;
import org.tokenformer.engine.train.TokenSource;
import org.tokenformer.engine.train.Trainer;
import org.tokenformer.engine.train.TrainingOptions;

/** The start of a run: the first step of a new run, or the latest checkpoint of an earlier one. */
sealed interface RunStart {
  /** Creates the initial model. */
  interface InitialModel {
    TrainableModel create(Backend backend) throws IOException;
  }

  /** Returns the configuration of the model at the start. */
  TokenFormerConfig config();

  /** Returns the tokenizer file of the model. */
  Path tokenizer();

  /** Returns the number of steps done. */
  int stepsDone();

  TrainingShape shape(TrainingSettings settings);

  /** Returns how the model grows in this run. */
  GrowthOptions growth();

  /** Returns the number of growth stages that are done. */
  int growthsDone();

  /**
   * Returns the memory that the largest model of the run needs.
   *
   * @param infers whether the run also validates or generates text
   */
  default TrainingNeeds needs(TrainingSettings settings, boolean infers) {
    return TrainingNeeds.of(config(), growth(), growthsDone(), shape(settings), infers);
  }

  /**
   * Returns the training options.
   *
   * @param tokens size of the training data
   */
  TrainingOptions options(TrainingSettings settings, long tokens);

  /**
   * Returns a human-readable line on the schedule, if it is not what was asked for or saved; null
   * otherwise.
   *
   * @param options of {@link #options}
   * @param tokens size of the training data
   */
  @Nullable String scheduleNote(TrainingSettings settings, TrainingOptions options, long tokens);

  /** Returns the model, which the caller must close unless a trainer takes ownership. */
  TrainableModel model(Backend backend) throws IOException;

  /** Returns the trainer, which the caller must close. */
  Trainer trainer(TrainableModel model, TokenSource data, TrainingOptions options)
      throws IOException;

  /** Opens the run folder. */
  RunFolder folder(Path folder, RunFolder.Kept kept) throws IOException;

  /**
   * A new run that trains a new or an existing model.
   *
   * @param moments the run whose moments it takes over; null to start with zero moments
   */
  record NewRun(
      TokenFormerConfig config,
      Path tokenizer,
      GrowthOptions growth,
      InitialModel initialModel,
      @Nullable SavedRun moments)
      implements RunStart {
    @Override
    public int stepsDone() {
      return 0;
    }

    @Override
    public int growthsDone() {
      return 0;
    }

    @Override
    public TrainingShape shape(TrainingSettings settings) {
      return settings.shape(config);
    }

    @Override
    public TrainingOptions options(TrainingSettings settings, long tokens) {
      return settings.options(config, tokens);
    }

    @Override
    public @Nullable String scheduleNote(
        TrainingSettings settings, TrainingOptions options, long tokens) {
      double passes = (double) options.schedule().steps() * options.tokensPerStep() / tokens;
      if (settings.hasSteps() || passes < 2) {
        return null;
      }
      return "%d steps, which are %.0f passes over %d tokens of training data; change it with --steps"
          .formatted(options.schedule().steps(), passes, tokens);
    }

    @Override
    public TrainableModel model(Backend backend) throws IOException {
      return initialModel.create(backend);
    }

    @Override
    public Trainer trainer(TrainableModel model, TokenSource data, TrainingOptions options)
        throws IOException {
      return moments == null
          ? new Trainer(model, data, options)
          : moments.newRun(model, data, options);
    }

    @Override
    public RunFolder folder(Path folder, RunFolder.Kept kept) throws IOException {
      return RunFolder.create(folder, tokenizer, kept);
    }
  }

  /** A run that is resumed. */
  record ResumedRun(SavedRun run) implements RunStart {
    @Override
    public TokenFormerConfig config() {
      return run.config();
    }

    @Override
    public Path tokenizer() {
      return run.tokenizer();
    }

    @Override
    public int stepsDone() {
      return run.stepsDone();
    }

    @Override
    public GrowthOptions growth() {
      return run.options().growth();
    }

    @Override
    public int growthsDone() {
      return run.growths();
    }

    @Override
    public TrainingShape shape(TrainingSettings settings) {
      return settings.options(run).shape();
    }

    @Override
    public TrainingOptions options(TrainingSettings settings, long tokens) {
      return settings.options(run);
    }

    @Override
    public @Nullable String scheduleNote(
        TrainingSettings settings, TrainingOptions options, long tokens) {
      Schedule before = run.options().schedule();
      Schedule now = options.schedule();
      int done = run.stepsDone();
      if (now.equals(before) || done < 1) {
        return null;
      }
      return "%d steps instead of %d: the learning rate goes from %.2e in step %d to %.2e in step %d"
          .formatted(
              now.steps(), before.steps(), before.rate(done), done, now.rate(done + 1), done + 1);
    }

    @Override
    public TrainableModel model(Backend backend) throws IOException {
      return run.model(backend);
    }

    @Override
    public Trainer trainer(TrainableModel model, TokenSource data, TrainingOptions options)
        throws IOException {
      return run.trainer(model, data, options);
    }

    @Override
    public RunFolder folder(Path folder, RunFolder.Kept kept) throws IOException {
      return RunFolder.resume(folder, kept);
    }
  }
}
