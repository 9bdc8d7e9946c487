package org.tokenformer.engine.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.AtomicFiles;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.PendingTensor;
import org.tokenformer.engine.checkpoint.SafetensorsFile;
import org.tokenformer.engine.checkpoint.SafetensorsWriter;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Writes and reads the files of a checkpoint: a model folder with {@code training/state.json},
 * {@code training/moments.safetensors} and the checksums of all files.
 */
record CheckpointFiles(Path folder) {
  /** The files of a model folder. */
  static final List<String> MODEL =
      List.of(ModelFolder.CONFIG_FILE, ModelFolder.WEIGHTS_FILE, ModelFolder.TOKENIZER_FILE);

  private static final String TRAINING = "training";
  static final String STATE = TRAINING + "/state.json";
  static final String MOMENTS = TRAINING + "/moments.safetensors";

  /** All files of a checkpoint except the checksums. */
  static final List<String> ALL = Stream.concat(MODEL.stream(), Stream.of(STATE, MOMENTS)).toList();

  private static final String FIRST = "first.";
  private static final String SECOND = "second.";

  /**
   * Writes all files into an empty folder; must be called between two steps.
   *
   * @param validationLoss measured after the latest step; NaN if none was
   */
  void write(Trainer trainer, double validationLoss, byte[] tokenizer) throws IOException {
    TokenFormer model = trainer.model();
    Optimizer optimizer = trainer.optimizer();
    try (Downloads downloads = new Downloads(model.backend(), model.weights())) {
      List<PendingTensor> weights = downloads.of("", model.weights());
      ModelFolder.writeFiles(folder, model.config(), weights, tokenizer);
      Files.createDirectory(folder.resolve(TRAINING));
      List<PendingTensor> moments = new ArrayList<>(downloads.of(FIRST, optimizer.firstMoments()));
      moments.addAll(downloads.of(SECOND, optimizer.secondMoments()));
      SafetensorsWriter.writePending(folder.resolve(MOMENTS), moments, Map.of("format", "pt"));
    }
    AtomicFiles.writeText(folder.resolve(STATE), trainer.state(validationLoss).toJson());
    Checksums.write(folder, ALL);
  }

  /**
   * Reads all files and verifies their checksums.
   *
   * @throws ModelFormatException naming the first file that is missing or damaged
   */
  void verify() throws IOException {
    Checksums.verify(folder, ALL, "delete " + folder + " to resume from the previous checkpoint");
  }

  /** Copies all files into an empty folder. */
  void copyTo(Path empty) throws IOException {
    Files.createDirectory(empty.resolve(TRAINING));
    for (String file : ALL) {
      Files.copy(folder.resolve(file), empty.resolve(file));
    }
    Files.copy(folder.resolve(Checksums.FILE), empty.resolve(Checksums.FILE));
  }

  SavedState readState() throws IOException {
    return SavedState.read(state());
  }

  Path state() {
    return folder.resolve(STATE);
  }

  Path tokenizer() {
    return folder.resolve(ModelFolder.TOKENIZER_FILE);
  }

  ModelFolder openModel() throws IOException {
    return ModelFolder.open(folder, LoadMode.MAP);
  }

  /**
   * Loads the saved moments into an optimiser.
   *
   * @throws ModelFormatException if a moment is missing or its shape is not that of its weight
   */
  void readMoments(Optimizer optimizer, Backend backend) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve(MOMENTS))) {
      upload(file, FIRST, optimizer.firstMoments(), backend);
      upload(file, SECOND, optimizer.secondMoments(), backend);
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
            "%s: tensor %s is %s%s, but the model needs %s"
                .formatted(file.path(), saved.name(), saved.dtype(), saved.shape(), moment));
      }
      backend.upload(saved.data(), moment);
    }
  }
}
