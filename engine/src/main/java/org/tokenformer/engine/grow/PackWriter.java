package org.tokenformer.engine.grow;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.SafetensorsWriter;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ConfigJson;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** Makes a {@link Pack} of the parameter tokens that a grown model has in addition to its base. */
public final class PackWriter {
  private static final int CHUNK = 1 << 16;

  private final ModelFolder base;
  private final ModelFolder grown;

  private PackWriter(ModelFolder base, ModelFolder grown) {
    this.base = base;
    this.grown = grown;
  }

  /**
   * Writes a pack atomically, provided that the grown model contains its base unchanged.
   *
   * @param name human-readable name of the pack
   * @return the number of parameter tokens of the pack, over all layers
   * @throws ModelFormatException if the grown model lost or changed anything of its base, or has
   *     anything new besides parameter tokens; the message names it
   * @throws ConfigException if the name is not one line of 1 to 200 characters
   */
  public static long save(ModelFolder base, ModelFolder grown, String name, Path target)
      throws IOException {
    if (!PackMetadata.isName(name)) {
      throw ConfigException.notAllowed("name", quote(name), "one line of 1 to 200 characters");
    }
    PackWriter writer = new PackWriter(base, grown);
    List<NamedTensor> added = writer.added();
    long rows = added.stream().mapToLong(tensor -> tensor.shape().size(0)).sum();
    long tokens = rows / 2; // a key and a value each
    TokenFormerConfig config = base.config();
    PackMetadata metadata =
        new PackMetadata(
            name,
            BaseFingerprint.of(config, base.floatTensors()),
            config.layers().size(),
            config.hiddenSize(),
            tokens);
    SafetensorsWriter.write(target, added, metadata.write());
    return tokens;
  }

  /** Returns the new rows, under the names of the tensors that have more rows than in the base. */
  private List<NamedTensor> added() throws ModelFormatException {
    base.refuseNotFinite();
    grown.refuseNotFinite();
    checkConfig();
    Map<String, NamedTensor> after = grown.floatTensors();
    List<NamedTensor> added = new ArrayList<>();
    for (Map.Entry<String, NamedTensor> entry : base.floatTensors().entrySet()) {
      String name = entry.getKey();
      NamedTensor old = entry.getValue();
      NamedTensor now = Objects.requireNonNull(after.get(name));
      if (!startsWith(now, old)) {
        throw problem(name + " was changed", "train with --freeze-old");
      }
      long oldBytes = old.shape().elements() * now.dtype().bytes();
      if (now.byteSize() > oldBytes) {
        Shape rows = Shape.of(now.shape().size(0) - old.shape().size(0), now.shape().size(1));
        MemorySegment data = now.data().asSlice(oldBytes);
        added.add(new NamedTensor(name, now.dtype(), rows, data));
      }
    }
    if (added.isEmpty()) {
      throw problem("no parameter tokens were added", "grow it first with 'tokenformer grow'");
    }
    return added;
  }

  private void checkConfig() throws ModelFormatException {
    TokenFormerConfig config = base.config();
    TokenFormerConfig grownConfig = grown.config();
    int layers = config.layers().size();
    if (grownConfig.layers().size() != layers) {
      throw problem(
          "it has %d layers instead of %d".formatted(grownConfig.layers().size(), layers),
          "a pack holds parameter tokens only");
    }
    TokenFormerConfig reduced =
        grownConfig.withLayers(config.layers(), config.taus(), config.history());
    String difference = ConfigJson.difference(reduced, config);
    if (difference != null) {
      throw problem("its " + difference, "name the model that it grew from");
    }
    for (int layer = 0; layer < layers; layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        String name = TensorNames.pattention(layer, which);
        int before = config.layers().get(layer).of(which);
        int after = grownConfig.layers().get(layer).of(which);
        if (after < before) {
          throw problem(
              "%s has %d tokens instead of %d".formatted(name, after, before),
              "name the model that it grew from");
        }
        float tau = config.tau(layer, which);
        if (grownConfig.tau(layer, which) != tau) {
          throw problem(
              "τ of %s is %s instead of %s".formatted(name, grownConfig.tau(layer, which), tau),
              "grow with the init 'zero', which keeps τ");
        }
      }
    }
  }

  private ModelFormatException problem(String what, String advice) {
    return new ModelFormatException(
        "%s: cannot be saved as a pack for %s: %s; %s"
            .formatted(grown.path(), base.path(), what, advice));
  }

  /** Returns whether a tensor starts with the elements of another one, compared as F32. */
  private static boolean startsWith(NamedTensor tensor, NamedTensor start) {
    long count = start.shape().elements();
    int size = (int) Math.min(CHUNK, count);
    MemorySegment expected = MemorySegment.ofArray(new float[size]);
    MemorySegment actual = MemorySegment.ofArray(new float[size]);
    for (long from = 0; from < count; from += CHUNK) {
      int chunk = (int) Math.min(CHUNK, count - from);
      if (floats(start, from, chunk, expected).mismatch(floats(tensor, from, chunk, actual)) >= 0) {
        return false;
      }
    }
    return true;
  }

  private static MemorySegment floats(NamedTensor tensor, long from, int count, MemorySegment to) {
    int width = tensor.dtype().bytes();
    MemorySegment part = tensor.data().asSlice(from * width, (long) count * width);
    MemorySegment floats = to.asSlice(0, (long) count * Float.BYTES);
    FloatConversion.convert(tensor.dtype(), part, DType.F32, floats);
    return floats;
  }
}
