package org.tokenformer.engine.grow;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.SafetensorsFile;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.files.WeightCheck;
import org.tokenformer.engine.tensor.Shape;

/**
 * A knowledge pack: parameter tokens that were added to a base model and trained while all weights
 * of the base stayed frozen. A safetensors file holds the new rows under the names of their keys
 * and values in a model; its metadata identifies the base model.
 */
public final class Pack implements AutoCloseable {
  /** Maximum parameter tokens of one Pattention. */
  private static final long MAX_ROWS = 1 << 24;

  private final SafetensorsFile file;
  private final PackMetadata metadata;

  private Pack(SafetensorsFile file, PackMetadata metadata) {
    this.file = file;
    this.metadata = metadata;
  }

  /**
   * Opens a pack and checks all that can be checked without its base.
   *
   * @throws IOException with a one-line message, if it is not a valid pack
   */
  public static Pack open(Path path, LoadMode mode) throws IOException {
    SafetensorsFile file = SafetensorsFile.open(path, mode);
    try {
      Pack pack = new Pack(file, PackMetadata.read(path, file.metadata()));
      pack.checkTensors();
      return pack;
    } catch (IOException | RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  private void checkTensors() throws ModelFormatException {
    Set<String> names = new HashSet<>();
    long rows = 0;
    for (int layer = 0; layer < metadata.layers(); layer++) {
      List<Long> counts = new ArrayList<>();
      for (BlockPattention which : BlockPattention.values()) {
        String name = TensorNames.pattention(layer, which);
        names.add(TensorNames.keys(name));
        names.add(TensorNames.values(name));
        counts.add(rows(name));
        rows += counts.getLast();
      }
      if (!counts.get(0).equals(counts.get(1)) || !counts.get(0).equals(counts.get(2))) {
        throw problem(
            "query, key and value of layer %d must have equally many tokens, not %d, %d and %d"
                .formatted(layer, counts.get(0), counts.get(1), counts.get(2)));
      }
    }
    for (String name : tensors().keySet()) {
      if (!names.contains(name)) {
        throw problem(
            "tensor " + quote(name) + " does not hold keys or values of a Pattention of its base");
      }
    }
    if (rows == 0 || rows != metadata.tokens()) {
      throw problem(
          "it has %d parameter tokens, but its metadata says %d"
              .formatted(rows, metadata.tokens()));
    }
    List<String> bad = WeightCheck.notFinite(tensors().values());
    if (!bad.isEmpty()) {
      throw problem("tensor " + bad.getFirst() + " holds NaN or infinite weights");
    }
  }

  /** Returns how many tokens a Pattention gets; it must have both keys and values, or neither. */
  private long rows(String pattention) throws ModelFormatException {
    NamedTensor keys = matrix(TensorNames.keys(pattention));
    NamedTensor values = matrix(TensorNames.values(pattention));
    if (keys == null && values == null) {
      return 0;
    }
    if (keys == null || values == null) {
      throw problem(
          pattention + " has " + (keys == null ? "values without keys" : "keys without values"));
    }
    if (!keys.shape().equals(values.shape())) {
      throw problem(
          "%s has keys of %s and values of %s".formatted(pattention, keys.shape(), values.shape()));
    }
    return keys.shape().size(0);
  }

  private @Nullable NamedTensor matrix(String name) throws ModelFormatException {
    NamedTensor tensor = tensors().get(name);
    if (tensor == null) {
      return null;
    }
    Shape shape = tensor.shape();
    if (shape.rank() != 2
        || shape.size(1) != metadata.channels()
        || shape.size(0) < 1
        || shape.size(0) > MAX_ROWS) {
      throw problem(
          "tensor %s is %s, but tokens of its base are (N, %d)"
              .formatted(name, shape, metadata.channels()));
    }
    if (!tensor.dtype().isFloat()) {
      throw problem(
          "tensor %s is %s, but weights must be F32, BF16, F16 or F64"
              .formatted(name, tensor.dtype()));
    }
    return tensor;
  }

  private ModelFormatException problem(String what) {
    return new ModelFormatException(file.path() + ": is not a valid pack: " + what);
  }

  /**
   * Checks that the pack was made for this model.
   *
   * @param fingerprint fingerprint of the model
   */
  void checkBase(ModelFolder base, String fingerprint) throws ModelFormatException {
    if (!metadata.fingerprint().equals(fingerprint)) {
      throw new ModelFormatException(
          "%s: does not belong to %s: its base has the fingerprint %s, this model has %s; attach"
                  .formatted(
                      file.path(),
                      base.path(),
                      metadata.fingerprint().substring(0, 12),
                      fingerprint.substring(0, 12))
              + " it to the model that it was trained on");
    }
    if (metadata.layers() != base.config().layers().size()
        || metadata.channels() != base.config().hiddenSize()) {
      throw problem("the sizes in its metadata are not those of its base");
    }
  }

  /** Returns whether it has the same parameter tokens as another pack; names may differ. */
  boolean hasSameTokensAs(Pack other) {
    if (!tensors().keySet().equals(other.tensors().keySet())) {
      return false;
    }
    for (NamedTensor tensor : tensors().values()) {
      NamedTensor theirs = Objects.requireNonNull(other.tensors().get(tensor.name()));
      if (tensor.dtype() != theirs.dtype()
          || !tensor.shape().equals(theirs.shape())
          || tensor.data().mismatch(theirs.data()) >= 0) {
        return false;
      }
    }
    return true;
  }

  /** Returns the name of the pack. */
  public String name() {
    return metadata.name();
  }

  /** Returns the number of parameter tokens that it adds, over all layers. */
  public long tokens() {
    return metadata.tokens();
  }

  /** Returns its keys and values by name; valid until the pack is closed. */
  public SequencedMap<String, NamedTensor> tensors() {
    return file.tensors();
  }

  /** Returns the path of its file. */
  public Path path() {
    return file.path();
  }

  @Override
  public void close() {
    file.close();
  }
}
