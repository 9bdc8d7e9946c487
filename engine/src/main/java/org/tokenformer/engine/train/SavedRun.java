package org.tokenformer.engine.train;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.SafetensorsFile;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A checkpoint of a run, from which it goes on to the same bits as if it had never stopped: a model
 * folder with {@code training/state.json}, {@code training/moments.safetensors} and the checksums
 * of all files.
 */
public final class SavedRun {
  static final String STATE_FILE = "training/state.json";
  static final String MOMENTS_FILE = "training/moments.safetensors";
  static final String FIRST = "first.";
  static final String SECOND = "second.";

  /** What a checkpoint consists of, the checksums excepted. */
  static final List<String> FILES =
      List.of(
          ModelFolder.CONFIG_FILE,
          ModelFolder.WEIGHTS_FILE,
          ModelFolder.TOKENIZER_FILE,
          STATE_FILE,
          MOMENTS_FILE);

  private final Path folder;
  private final SavedState state;
  private final TokenFormerConfig config;

  private SavedRun(Path folder, SavedState state, TokenFormerConfig config) {
    this.folder = folder;
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
    Checksums.verify(folder, FILES, "delete " + folder + " to go on from the checkpoint before it");
    SavedState state = SavedState.read(folder.resolve(STATE_FILE));
    try (ModelFolder model = ModelFolder.open(folder, LoadMode.MAP)) {
      state.options().shape().checkFits(model.config());
      state.options().growth().check(model.config(), state.progress().growths());
      return new SavedRun(folder, state, model.config());
    } catch (ConfigException e) {
      throw ModelFormatException.of(folder.resolve(STATE_FILE), e);
    }
  }

  /** Where it lies. */
  public Path folder() {
    return folder;
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

  /** The model as it was, {@linkplain TokenFormer#trainable trainable}, for the caller to close. */
  public TokenFormer model(Backend backend) throws IOException {
    try (ModelFolder model = ModelFolder.open(folder, LoadMode.MAP)) {
      boolean onlyNew = options().growth().trainsOnlyNew(config);
      return TokenFormer.trainable(config, model.floatTensors(), backend, onlyNew);
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
  public Trainer trainer(TokenFormer model, TokenSource data, TrainingOptions options)
      throws IOException {
    same("sequence", state.options().shape().sequence(), options.shape().sequence());
    same("seed", state.options().seed(), options.seed());
    if (!options.growth().equals(state.options().growth())) {
      throw new ModelFormatException(
          "grow_at: the growth is not that of the run in %s; leave it out to go on, or start a new run"
              .formatted(folder));
    }
    if (data.size() != state.dataSize()) {
      throw new TrainingDataException(
          "the training data have %d ids, those of the run in %s had %d; resume with the same data"
              .formatted(data.size(), folder, state.dataSize()));
    }
    if (!Fingerprint.of(data).equals(state.dataFingerprint())) {
      throw new TrainingDataException(
          "the training data have other ids than those of the run in %s; resume with the same data"
              .formatted(folder));
    }
    Trainer trainer = new Trainer(model, data, options, state.progress());
    try {
      restore(trainer);
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
              .formatted(option, given, saved, folder));
    }
  }

  private void restore(Trainer trainer) throws IOException {
    Path file = folder.resolve(MOMENTS_FILE);
    try (SafetensorsFile moments = SafetensorsFile.open(file)) {
      Backend backend = trainer.model().backend();
      upload(moments, FIRST, trainer.optimizer().firstMoments(), backend);
      upload(moments, SECOND, trainer.optimizer().secondMoments(), backend);
    }
  }

  private static void upload(
      SafetensorsFile file, String prefix, SequencedMap<String, Tensor> moments, Backend backend)
      throws IOException {
    for (Map.Entry<String, Tensor> entry : moments.entrySet()) {
      NamedTensor saved = file.tensor(prefix + entry.getKey());
      Tensor moment = entry.getValue();
      if (saved.dtype() != DType.F32 || !saved.shape().equals(moment.shape())) {
        throw new ModelFormatException(
            "%s: tensor %s is %s%s, the model asks for %s"
                .formatted(file.path(), saved.name(), saved.dtype(), saved.shape(), moment));
      }
      MemorySegment data = saved.data();
      backend.upload(data, moment);
    }
  }
}
