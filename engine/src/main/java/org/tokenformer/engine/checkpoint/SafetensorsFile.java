package org.tokenformer.engine.checkpoint;

import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;

/**
 * An open safetensors file: eight bytes of header length, a JSON header, the data.
 *
 * <p>Accepts the files that the format's reference implementation accepts, for the types in {@link
 * org.tokenformer.engine.tensor.DType}, but is stricter about the header: no duplicate keys, limits
 * on tensors and dimensions. Tensors need not be aligned to their element size: an unaligned one
 * can be read only with the {@code _UNALIGNED} value layouts and vector loads.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
public final class SafetensorsFile implements Checkpoint {
  private final FileBytes file;
  private final SequencedMap<String, NamedTensor> tensors;
  private final SequencedMap<String, String> metadata;

  SafetensorsFile(FileBytes file) throws CheckpointException {
    SafetensorsHeader header = SafetensorsHeader.read(file);
    this.file = file;
    SequencedMap<String, NamedTensor> named = new LinkedHashMap<>();
    for (SafetensorsHeader.Entry e : header.entries()) {
      var data = file.bytes().asSlice(header.dataStart() + e.begin(), e.end() - e.begin());
      named.put(e.name(), new NamedTensor(e.name(), e.dtype(), e.shape(), data));
    }
    this.tensors = Collections.unmodifiableSequencedMap(named);
    this.metadata = Collections.unmodifiableSequencedMap(header.metadata());
  }

  /** Opens a file by memory-mapping it: no copy, files of any size. */
  public static SafetensorsFile open(Path path) throws CheckpointException {
    return open(path, LoadMode.MAP);
  }

  /** Opens a file. Header and offsets are checked completely before this returns. */
  public static SafetensorsFile open(Path path, LoadMode mode) throws CheckpointException {
    FileBytes file = FileBytes.open(path, mode);
    try {
      return new SafetensorsFile(file);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  @Override
  public Path path() {
    return file.path();
  }

  @Override
  public SequencedMap<String, NamedTensor> index() {
    return tensors;
  }

  @Override
  public SequencedMap<String, NamedTensor> load(Collection<String> names)
      throws CheckpointException {
    SequencedMap<String, NamedTensor> loaded = new LinkedHashMap<>();
    for (String name : names) {
      info(name);
      loaded.put(name, Objects.requireNonNull(tensors.get(name)));
    }
    return loaded;
  }

  /** Returns all tensors by name, in the order of the file; nothing is copied. Unmodifiable. */
  @Override
  public SequencedMap<String, NamedTensor> tensors() {
    return tensors;
  }

  @Override
  public List<String> notes() {
    return List.of();
  }

  /** Returns the header's {@code __metadata__}, empty if there is none. Unmodifiable. */
  public SequencedMap<String, String> metadata() {
    return metadata;
  }

  @Override
  public void close() {
    file.close();
  }
}
