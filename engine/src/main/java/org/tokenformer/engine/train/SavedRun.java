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
 * A checkpoint of a run, from which it goes on to the same bits as if it had never stopped. {@link
 * RunFolder} finds and writes it.
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
   * Opens a checkpoint and reads all its files to see that they are what was written.
   *
   * @param folder as {@link RunFolder#latest} finds it
   * @throws IOException with one line for people: which file is missing or damaged, and what to do
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

  /** Where it lies. */
  public Path folder() {
    return files.folder();
  }

  /** The tokenizer's file. */
  public Path tokenizer() {
    return files.tokenizer();
  }

  /** What the model is made of. */
  public TokenFormerConfig config() {
    return config;
  }

  /** What the run was to do. */
  public TrainingOptions options() {
    return state.options();
  }

  /** Steps done. */
  public int stepsDone() {
    return state.progress().step();
  }

  /** Whether the run began with a model of these sizes, however it has grown since. */
  public boolean beganWith(TokenFormerConfig first) {
    List<List<LayerSizes>> history = config.history();
    int before = history.size() - growths();
    List<LayerSizes> layers = growths() == 0 ? config.layers() : history.get(before);
    return withoutTaus(first)
        .equals(config.withLayers(layers, Map.of(), history.subList(0, before)));
  }

  /** Growth sets τ anew. */
  private static TokenFormerConfig withoutTaus(TokenFormerConfig config) {
    return config.withLayers(config.layers(), Map.of(), config.history());
  }

  /** How many times the model has grown in the run. */
  public int growths() {
    return state.progress().growths();
  }

  /** The model as it was, for the caller to close. */
  public TrainableModel model(Backend backend) throws IOException {
    try (ModelFolder model = files.openModel()) {
      boolean onlyNew = options().growth().trainsOnlyNew(config);
      return new TrainableModel(config, model.floatTensors(), backend, onlyNew);
    }
  }

  /**
   * A trainer that goes on.
   *
   * @param model {@link #model}; the trainer's from now on, but if this fails
   * @param data those of the run
   * @param options {@link #options}, or others of the same sequence and seed, on which the order of
   *     the data hangs
   * @throws TrainingDataException if the data are others
   * @throws ModelFormatException if sequence or seed are others
   */
  public Trainer trainer(TrainableModel model, TokenSource data, TrainingOptions options)
      throws IOException {
    same("sequence", state.options().shape().sequence(), options.shape().sequence());
    same("seed", state.options().seed(), options.seed());
    if (!options.growth().equals(state.options().growth())) {
      throw new ModelFormatException(
          "grow_at: the growth is not that of the run in %s; leave it out to go on, or start a new run"
              .formatted(folder()));
    }
    if (data.size() != state.dataSize()) {
      throw new TrainingDataException(
          "the training data have %d ids, those of the run in %s had %d; resume with the same data"
              .formatted(data.size(), folder(), state.dataSize()));
    }
    if (!Fingerprint.of(data).equals(state.dataFingerprint())) {
      throw new TrainingDataException(
          "the training data have other ids than those of the run in %s; resume with the same data"
              .formatted(folder()));
    }
    Trainer trainer = new Trainer(model, data, options, state.progress());
    try {
      files.readMoments(trainer.optimizer(), trainer.model().backend());
      return trainer;
    } catch (IOException | RuntimeException | Error e) {
      trainer.close();
      throw e;
    }
  }

  private void same(String option, long saved, long given) throws ModelFormatException {
    if (saved != given) {
      throw new ModelFormatException(
          "%s: %d is not the %d of the run in %s; leave it out to go on, or start a new run"
              .formatted(option, given, saved, folder()));
    }
  }
}
