package org.tokenformer.engine.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.training.TrainableModel;

/**
 * A checkpoint from which a run resumes bit-identically. {@link RunFolder} finds and writes
 * checkpoints.
 */
public final class SavedRun {
  private final CheckpointFiles files;
  private final SavedState state;
  private final TokenFormerConfig config;

  private SavedRun(CheckpointFiles files, SavedState state, TokenFormerConfig config) {
    this.files = files;
    this.state = state;
    this.config = config;
  }

  /**
   * Opens a checkpoint and verifies the checksums of all its files.
   *
   * @param folder as returned by {@link RunFolder#latest}
   * @throws IOException with a one-line message: which file is missing or damaged, and what to do
   */
  public static SavedRun open(Path folder) throws IOException {
    CheckpointFiles files = new CheckpointFiles(folder);
    files.verify();
    SavedState state = files.readState();
    try (ModelFolder model = files.openModel()) {
      state.options().shape().checkFits(model.config());
      state.options().growth().check(model.config(), state.progress().growths());
      return new SavedRun(files, state, model.config());
    } catch (ConfigException e) {
      throw ModelFormatException.of(files.state(), e);
    }
  }

  /** Returns the checkpoint's folder. */
  public Path folder() {
    return files.folder();
  }

  /** Returns the tokenizer's file. */
  public Path tokenizer() {
    return files.tokenizer();
  }

  /** Returns the model's configuration. */
  public TokenFormerConfig config() {
    return config;
  }

  /** Returns the options of the run. */
  public TrainingOptions options() {
    return state.options();
  }

  /** Returns the number of steps done. */
  public int stepsDone() {
    return state.progress().step();
  }

  /** Returns whether the run started with a model of these sizes, whatever its growth since. */
  public boolean beganWith(TokenFormerConfig first) {
    List<List<LayerSizes>> history = config.history();
    int before = history.size() - growths();
    List<LayerSizes> layers = growths() == 0 ? config.layers() : history.get(before);
    return withoutTaus(first)
        .equals(config.withLayers(layers, Map.of(), history.subList(0, before)));
  }

  /** Drops the values of τ, which growth changes. */
  private static TokenFormerConfig withoutTaus(TokenFormerConfig config) {
    return config.withLayers(config.layers(), Map.of(), config.history());
  }

  /** Returns how many times the model has grown in the run. */
  public int growths() {
    return state.progress().growths();
  }

  /** Loads the saved model; the caller closes it. */
  public TrainableModel model(Backend backend) throws IOException {
    try (ModelFolder model = files.openModel()) {
      boolean onlyNew = options().growth().trainsOnlyNew(config);
      return new TrainableModel(config, model.floatTensors(), backend, onlyNew);
    }
  }

  /**
   * Returns a trainer that continues the run.
   *
   * @param model {@link #model}; owned by the trainer unless this fails
   * @param data the data of the run
   * @param options {@link #options}, or others with the same sequence, seed and growth; the order
   *     of the data depends on sequence and seed
   * @throws TrainingDataException if the data differ
   * @throws ModelFormatException if sequence, seed or growth differ
   */
  public Trainer trainer(TrainableModel model, TokenSource data, TrainingOptions options)
      throws IOException {
    requireSame("sequence", state.options().shape().sequence(), options.shape().sequence());
    requireSame("seed", state.options().seed(), options.seed());
    if (!options.growth().equals(state.options().growth())) {
      throw new ModelFormatException(
          "grow_at: the growth differs from that of the run in %s; omit it to resume, or start a new run"
              .formatted(folder()));
    }
    if (data.size() != state.dataSize()) {
      throw new TrainingDataException(
          "the training data have %d ids, but those of the run in %s had %d; resume with the same data"
              .formatted(data.size(), folder(), state.dataSize()));
    }
    if (!Fingerprint.of(data).equals(state.dataFingerprint())) {
      throw new TrainingDataException(
          "the training data differ from those of the run in %s; resume with the same data"
              .formatted(folder()));
    }
    return withMoments(new Trainer(model, data, options, state.progress()));
  }

  /**
   * Returns the trainer of a new run that takes over this run's moments: its first steps continue
   * the moving averages of the gradients instead of starting them at 0.
   *
   * @param model with the weights of {@link #model}; owned by the trainer unless this fails
   * @throws ModelFormatException if the moments do not fit the weights that the new run trains
   */
  public Trainer newRun(TrainableModel model, TokenSource data, TrainingOptions options)
      throws IOException {
    Progress start = Progress.startWithMoments(state.progress().optimizerSteps());
    return withMoments(new Trainer(model, data, options, start));
  }

  private Trainer withMoments(Trainer trainer) throws IOException {
    try {
      files.readMoments(trainer.optimizer(), trainer.model().backend());
      return trainer;
    } catch (IOException | RuntimeException | Error e) {
      trainer.close();
      throw e;
    }
  }

  private void requireSame(String option, long saved, long given) throws ModelFormatException {
    if (saved != given) {
      throw new ModelFormatException(
          "%s: %d is not the %d of the run in %s; omit it to resume, or start a new run"
              .formatted(option, given, saved, folder()));
    }
  }
}
