package org.tokenformer.engine.grow;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.TokenSelection;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** Packs that belong behind one model, in the order in which they were named. */
public final class Packs implements AutoCloseable {
  private final List<Pack> packs = new ArrayList<>();
  private final Arena arena = Arena.ofShared(); // of what is merged

  private Packs() {}

  /**
   * Opens packs and checks that all of them were made with this base, whose weights are read for
   * that.
   *
   * @param prefix of the base's own tokens that they will stand behind
   * @throws IOException with one line for people, if one is damaged, belongs elsewhere or is there
   *     twice
   */
  public static Packs open(List<Path> files, ModelFolder base, TokenFraction prefix, LoadMode mode)
      throws IOException {
    Packs opened = new Packs();
    try {
      for (Path file : files) {
        opened.packs.add(Pack.open(file, mode));
      }
      opened.refuseRepeated();
      if (!files.isEmpty()) {
        String fingerprint = BaseFingerprint.of(base.config(), base.floatTensors());
        for (Pack pack : opened.packs) {
          pack.checkBase(base, fingerprint);
        }
        opened.checkSizes(base.config(), prefix);
      }
      return opened;
    } catch (IOException | RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  private void refuseRepeated() throws ModelFormatException {
    for (int i = 1; i < packs.size(); i++) {
      for (Pack before : packs.subList(0, i)) {
        if (packs.get(i).holdsTheSameAs(before)) {
          throw new ModelFormatException(
              packs.get(i).path()
                  + ": holds the same parameter tokens as "
                  + before.path()
                  + "; name each pack once");
        }
      }
    }
  }

  private void checkSizes(TokenFormerConfig base, TokenFraction prefix)
      throws ModelFormatException {
    try {
      behind(prefix).config(base);
    } catch (ConfigException e) {
      throw new ModelFormatException(
          packs.getLast().path() + ": is too much for its base: " + e.getMessage(), e);
    }
  }

  /** What a model computes with: a share of its own tokens, and all of the packs'. */
  public TokenSelection behind(TokenFraction prefix) {
    List<Map<String, NamedTensor>> attached = new ArrayList<>();
    packs.forEach(pack -> attached.add(pack.tensors()));
    return new TokenSelection(prefix, attached);
  }

  /** The packs themselves. */
  public List<Pack> list() {
    return List.copyOf(packs);
  }

  /**
   * Saves a model of its own that computes, to the bit, what the base does with all packs attached.
   *
   * @param base whose tokenizer the model gets
   * @return what the model is made of
   * @throws IOException with one line for people
   */
  public TokenFormerConfig mergeTo(ModelFolder base, Path target, IfExists ifExists)
      throws IOException {
    base.refuseNotFinite();
    TokenFormerConfig config = behind(TokenFraction.ALL).config(base.config());
    List<NamedTensor> tensors = List.copyOf(merged(base.floatTensors()).values());
    Path tokenizer = base.path().resolve(ModelFolder.TOKENIZER_FILE);
    ModelFolder.save(target, ifExists, config, tensors, tokenizer);
    return config;
  }

  /**
   * The weights of a model of its own that computes what the base does with all packs attached: of
   * the types that they have, or F32 where those of a tensor differ.
   *
   * @param base its weights
   * @return valid until this is closed
   */
  private Map<String, NamedTensor> merged(Map<String, NamedTensor> base) {
    Map<String, NamedTensor> merged = new LinkedHashMap<>();
    base.forEach((name, own) -> {
      List<NamedTensor> parts = new ArrayList<>(List.of(own));
      for (Pack pack : packs) {
        NamedTensor more = pack.tensors().get(name);
        if (more != null) {
          parts.add(more);
        }
      }
      merged.put(name, parts.size() == 1 ? own : joined(parts));
    });
    return merged;
  }

  private NamedTensor joined(List<NamedTensor> parts) {
    NamedTensor first = parts.getFirst();
    boolean alike = parts.stream().allMatch(part -> part.dtype() == first.dtype());
    DType dtype = alike ? first.dtype() : DType.F32;
    long rows = parts.stream().mapToLong(part -> part.shape().size(0)).sum();
    Shape shape = Shape.of(rows, first.shape().size(1));
    MemorySegment data = arena.allocate(shape.bytes(dtype), 64);
    long at = 0;
    for (NamedTensor part : parts) {
      MemorySegment to = data.asSlice(at, part.shape().bytes(dtype));
      if (part.dtype() == dtype) { // F64 too, which is converted from and never to
        to.copyFrom(part.data());
      } else {
        FloatConversion.convert(part.dtype(), part.data(), dtype, to);
      }
      at += to.byteSize();
    }
    return new NamedTensor(first.name(), dtype, shape, data);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      try (arena) {
        close(packs);
      }
    }
  }

  /** Each of them, also if another one cannot be closed. */
  private static void close(List<Pack> some) {
    if (!some.isEmpty()) {
      try (Pack _ = some.getFirst()) {
        close(some.subList(1, some.size()));
      }
    }
  }
}
