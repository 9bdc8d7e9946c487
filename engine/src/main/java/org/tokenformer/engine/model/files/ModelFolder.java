package org.tokenformer.engine.model.files;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.tokenformer.engine.checkpoint.AtomicFiles;
import org.tokenformer.engine.checkpoint.AtomicFolder;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.PendingTensor;
import org.tokenformer.engine.checkpoint.SafetensorsFile;
import org.tokenformer.engine.checkpoint.SafetensorsWriter;
import org.tokenformer.engine.checkpoint.TensorInfo;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/**
 * A model on disk: {@code config.json}, {@code model.safetensors} and {@code tokenizer.json} in one
 * folder. An open folder provides views of the tensors: exactly those of the model, in the right
 * shapes.
 */
public final class ModelFolder implements AutoCloseable {
  /** The tokenizer's file, which the engine copies and never reads. */
  public static final String TOKENIZER_FILE = "tokenizer.json";

  /** The configuration's file. */
  public static final String CONFIG_FILE = "config.json";

  /** The weights' file. */
  public static final String WEIGHTS_FILE = "model.safetensors";

  /** Names of all files of a model folder. */
  public static final Set<String> FILES = Set.of(CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FILE);

  private final Path folder;
  private final TokenFormerConfig config;
  private final SafetensorsFile weights;

  private ModelFolder(Path folder, TokenFormerConfig config, SafetensorsFile weights) {
    this.folder = folder;
    this.config = config;
    this.weights = weights;
  }

  /**
   * Opens and checks a folder; nothing is copied with {@link LoadMode#MAP}.
   *
   * @throws IOException with one human-readable line, if the folder is not a model
   */
  public static ModelFolder open(Path folder, LoadMode mode) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new ModelFormatException(
          folder + (Files.exists(folder) ? ": is not a folder" : ": no such folder"));
    }
    if (!Files.isReadable(folder) || !Files.isExecutable(folder)) {
      throw new ModelFormatException(folder + ": cannot be read: permission denied");
    }
    TokenFormerConfig config = ConfigJson.read(folder.resolve(CONFIG_FILE));
    Path file = folder.resolve(WEIGHTS_FILE);
    SafetensorsFile weights = SafetensorsFile.open(file, mode);
    try {
      check(file, config, weights.tensors());
      return new ModelFolder(folder, config, weights);
    } catch (IOException | RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  /**
   * Checks that these are exactly the model's tensors, each with its shape and a valid weight type.
   */
  static void check(Path file, TokenFormerConfig config, Map<String, ? extends TensorInfo> tensors)
      throws ModelFormatException {
    Map<String, Shape> shapes = TensorNames.shapes(config);
    Set<String> known = new HashSet<>();
    for (Map.Entry<String, Shape> expected : shapes.entrySet()) {
      String name = expected.getKey();
      Shape shape = expected.getValue();
      TensorInfo tensor = find(file, tensors, name, shape);
      known.add(name);
      DType quantized = shape.rank() == 2 ? QuantizedTensors.type(tensor) : null;
      if (quantized == null) {
        check(file, tensor, shape);
        if (!tensor.dtype().isFloat()) {
          throw new ModelFormatException(
              "%s: tensor %s is %s; weights must be F32, BF16, F16 or F64, or I8 or U8 with scales"
                  .formatted(file, name, tensor.dtype()));
        }
      } else {
        check(file, tensor, QuantizedTensors.stored(quantized, shape));
        String scalesName = QuantizedTensors.scales(name);
        Shape scalesShape = QuantizedTensors.scales(shape);
        TensorInfo scales = find(file, tensors, scalesName, scalesShape);
        known.add(scalesName);
        check(file, scales, scalesShape);
        if (scales.dtype() != DType.F32) {
          throw new ModelFormatException(
              "%s: tensor %s is %s; scales must be F32"
                  .formatted(file, scalesName, scales.dtype()));
        }
      }
    }
    for (TensorInfo tensor : tensors.values()) {
      if (!known.contains(tensor.name())) {
        throw new ModelFormatException(
            "%s: tensor %s %s is not part of the configured model"
                .formatted(file, quote(tensor.name()), tensor.shape()));
      }
    }
  }

  private static TensorInfo find(
      Path file, Map<String, ? extends TensorInfo> tensors, String name, Shape shape)
      throws ModelFormatException {
    TensorInfo tensor = tensors.get(name);
    if (tensor == null) {
      throw new ModelFormatException(file + ": tensor " + name + " " + shape + " is missing");
    }
    return tensor;
  }

  private static void check(Path file, TensorInfo tensor, Shape shape) throws ModelFormatException {
    if (!tensor.shape().equals(shape)) {
      throw new ModelFormatException(
          "%s: tensor %s is %s, but the configuration requires %s"
              .formatted(file, tensor.name(), tensor.shape(), shape));
    }
  }

  /**
   * Saves a model: all of it or nothing.
   *
   * @param tokenizer the tokenizer's file, copied unchanged
   * @throws IOException with one human-readable line, if the model cannot be written; nothing is
   *     left behind
   */
  public static void save(
      Path folder,
      AtomicFolder.IfExists ifExists,
      TokenFormerConfig config,
      List<NamedTensor> tensors,
      Path tokenizer)
      throws IOException {
    Map<String, NamedTensor> byName = new LinkedHashMap<>();
    tensors.forEach(tensor -> byName.put(tensor.name(), tensor));
    check(folder.resolve(WEIGHTS_FILE), config, byName);
    if (!Files.isRegularFile(tokenizer)) {
      throw new ModelFormatException(
          tokenizer + ": no such file; a model folder needs a " + TOKENIZER_FILE);
    }
    List<PendingTensor> pending = tensors.stream().map(PendingTensor::of).toList();
    byte[] bytes = Files.readAllBytes(tokenizer);
    AtomicFolder.write(
        folder, ifExists, temporary -> writeFiles(temporary, config, pending, bytes));
  }

  /**
   * Writes the three files of a model into an existing folder, which may contain other files too.
   *
   * @param tensors in a model's shapes, see {@link TensorNames#shapes}
   * @param tokenizer the contents of the tokenizer's file
   */
  public static void writeFiles(
      Path folder, TokenFormerConfig config, List<PendingTensor> tensors, byte[] tokenizer)
      throws IOException {
    AtomicFiles.writeText(folder.resolve(CONFIG_FILE), ConfigJson.write(config));
    SafetensorsWriter.writePending(folder.resolve(WEIGHTS_FILE), tensors, Map.of("format", "pt"));
    Files.write(folder.resolve(TOKENIZER_FILE), tokenizer);
  }

  /** Copies the file's contents but not its permissions: a read-only copy could not be synced. */
  static void copyTokenizer(Path tokenizer, Path folder) throws IOException {
    try (InputStream in = Files.newInputStream(tokenizer)) {
      Files.copy(in, folder.resolve(TOKENIZER_FILE));
    }
  }

  /** Returns the folder. */
  public Path path() {
    return folder;
  }

  /** Returns the weights' file. */
  public Path weightsFile() {
    return folder.resolve(WEIGHTS_FILE);
  }

  /** Returns the model's configuration. */
  public TokenFormerConfig config() {
    return config;
  }

  /**
   * Returns the tensors by name, as {@link TensorNames} has them; valid until this is closed. Those
   * of a quantised model are its integers and, as separate tensors, their scales.
   */
  public SequencedMap<String, NamedTensor> tensors() {
    return weights.tensors();
  }

  /**
   * Returns the tensors of a model with floating-point weights.
   *
   * @throws ModelFormatException if the weights are quantised
   */
  public SequencedMap<String, NamedTensor> floatTensors() throws ModelFormatException {
    if (isQuantized()) {
      throw new ModelFormatException(
          ("%s: the weights are quantised, but this operation needs floating-point weights;"
                  + " convert them with 'tokenformer quantize --type f32' first")
              .formatted(weightsFile()));
    }
    return tensors();
  }

  /** Returns whether the weights are quantised, with scales. */
  public boolean isQuantized() {
    return tensors().values().stream().anyMatch(tensor -> !tensor.dtype().isFloat());
  }

  /**
   * Rejects a model with NaN or infinite weights.
   *
   * @throws ModelFormatException naming the tensor, if a weight is NaN or infinite
   */
  public void refuseNotFinite() throws ModelFormatException {
    WeightCheck.refuseNotFinite(weightsFile(), tensors().values());
  }

  @Override
  public void close() {
    weights.close();
  }
}
