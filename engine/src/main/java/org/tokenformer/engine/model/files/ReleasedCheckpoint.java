package org.tokenformer.engine.model.files;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.AtomicFiles;
import org.tokenformer.engine.checkpoint.AtomicFolder;
import org.tokenformer.engine.checkpoint.Checkpoint;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.TorchCheckpointWriter;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.tensor.DType;

/** Imports released checkpoints into model folders, and exports them. */
public final class ReleasedCheckpoint {
  private static final String WEIGHTS_FILE = "pytorch_model.bin";
  private static final String SETTINGS_FILE = "config.yml";

  /** Names of all files of an exported model. */
  public static final Set<String> FILES =
      Set.of(WEIGHTS_FILE, SETTINGS_FILE, ModelFolder.TOKENIZER_FILE);

  private ReleasedCheckpoint() {}

  /**
   * The files of a released model.
   *
   * @param weights the checkpoint, in any form that {@link Checkpoint#open} accepts
   * @param settingsFile named in messages; {@code settings} are its values
   * @param settings strings, numbers, booleans, lists and maps
   * @param tokenizer copied unchanged
   * @param tokenizerIds number of ids of the tokenizer
   */
  public record Source(
      Path weights,
      Path settingsFile,
      Map<String, ? extends @Nullable Object> settings,
      Path tokenizer,
      int tokenizerIds) {}

  /**
   * The result of an import.
   *
   * @param config of the new model
   * @param weights the file that was read, chosen in {@link Source#weights} if that is a folder
   * @param notes for the user about how the weights were found, one line each
   * @param notFinite tensors with NaN or infinite weights: such a model can be inspected but not
   *     run
   */
  public record Imported(
      TokenFormerConfig config, Path weights, List<String> notes, List<String> notFinite) {}

  /**
   * Creates a model folder: all of it or nothing. Everything, including the checksums of the
   * weights, is checked before anything is written.
   *
   * @param type F32 or BF16, or null to keep BF16 and convert all other types to F32
   * @throws IOException with one human-readable line
   */
  public static Imported toFolder(
      Source source, @Nullable DType type, Path folder, AtomicFolder.IfExists ifExists)
      throws IOException {
    try (ReleasedWeights weights = ReleasedWeights.open(source.weights);
        Arena arena = Arena.ofConfined()) {
      Path file = weights.path();
      TokenFormerConfig config =
          ReleasedLayout.config(
              source.settingsFile, source.settings, file, weights.index(), source.tokenizerIds);
      // Loading may copy, so it is the last step.
      Map<String, String> names = ReleasedLayout.check(file, config, weights.index());
      Map<String, NamedTensor> released = weights.load(names.values());
      List<NamedTensor> tensors = ReleasedLayout.fromReleased(file, config, released, type, arena);
      ModelFolder.save(folder, ifExists, config, tensors, source.tokenizer);
      return new Imported(config, file, weights.notes(), WeightCheck.notFinite(tensors));
    }
  }

  /**
   * Writes {@link #FILES} into a new folder: all of them or nothing. PyTorch opens the weights with
   * {@code weights_only=True}.
   *
   * @throws IOException with one human-readable line, which gives the reason if the layout cannot
   *     represent the model
   */
  public static void fromFolder(ModelFolder model, Path folder, AtomicFolder.IfExists ifExists)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      TokenFormerConfig config = model.config();
      List<NamedTensor> tensors =
          ReleasedLayout.toReleased(model.path(), config, model.floatTensors(), arena);
      // JSON is valid YAML, and the released settings are written that way.
      Gson gson = new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();
      String settings = gson.toJson(ReleasedLayout.settings(config)) + "\n";
      AtomicFolder.write(
          folder,
          ifExists,
          temporary -> {
            TorchCheckpointWriter.write(temporary.resolve(WEIGHTS_FILE), tensors);
            AtomicFiles.writeText(temporary.resolve(SETTINGS_FILE), settings);
            ModelFolder.copyTokenizer(model.path().resolve(ModelFolder.TOKENIZER_FILE), temporary);
          });
    }
  }
}
