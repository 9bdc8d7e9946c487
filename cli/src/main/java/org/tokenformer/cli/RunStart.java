package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.train.GrowthOptions;
import org.tokenformer.engine.train.RunFolder;
import org.tokenformer.engine.train.SavedRun;
import org.tokenformer.engine.train.TokenSource;
import org.tokenformer.engine.train.Trainer;
import org.tokenformer.engine.train.TrainingOptions;

/** Where a run begins: at its first step, or where an earlier one stopped. */
sealed interface RunStart {
  /** Makes the model that a run begins with. */
  interface Weights {
    TrainableModel on(Backend backend) throws IOException;
  }

  /** What the model is made of. */
  TokenFormerConfig config();

  /** The file of its tokenizer. */
  Path tokenizer();

  /** Steps done. */
  int stepsDone();

  TrainingShape shape(TrainingSettings settings);

  /** How the model grows in this run. */
  GrowthOptions growth();

  /** Stages of the growth that the model has behind it. */
  int growths();

  /** The memory that the run needs, for its largest model. */
  default TrainingNeeds needs(TrainingSettings settings, boolean validates) {
    return TrainingNeeds.of(config(), growth(), growths(), shape(settings), validates);
  }

  /**
   * What the run is to do.
   *
   * @param tokens of the training data
   */
  TrainingOptions options(TrainingSettings settings, long tokens);

  /** The model, for the caller to close, unless a trainer takes it. */
  TrainableModel model(Backend backend) throws IOException;

  /** The trainer, for the caller to close. */
  Trainer trainer(TrainableModel model, TokenSource data, TrainingOptions options)
      throws IOException;

  /** The folder of the run. */
  RunFolder folder(Path folder, int keep) throws IOException;

  /** A new run, of a new model or of one that has learned elsewhere. */
  record NewRun(TokenFormerConfig config, Path tokenizer, GrowthOptions growth, Weights weights)
      implements RunStart {
    @Override
    public int stepsDone() {
      return 0;
    }

    @Override
    public int growths() {
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
    public TrainableModel model(Backend backend) throws IOException {
      return weights.on(backend);
    }

    @Override
    public Trainer trainer(TrainableModel model, TokenSource data, TrainingOptions options) {
      return new Trainer(model, data, options);
    }

    @Override
    public RunFolder folder(Path folder, int keep) throws IOException {
      return RunFolder.create(folder, tokenizer, keep);
    }
  }

  /** A run that goes on. */
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
    public int growths() {
      return run.growths();
    }

    @Override
    public TrainingShape shape(TrainingSettings settings) {
      return settings.options(run.options()).shape();
    }

    @Override
    public TrainingOptions options(TrainingSettings settings, long tokens) {
      return settings.options(run.options());
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
    public RunFolder folder(Path folder, int keep) throws IOException {
      return RunFolder.resume(folder, keep);
    }
  }
}
