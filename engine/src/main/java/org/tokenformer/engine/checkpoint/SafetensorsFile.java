package org.tokenformer.engine.checkpoint;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/**
 * An open safetensors file: eight bytes of header length, a JSON header, the data.
 *
 * <p>Accepts the files that the format's reference implementation accepts, for the types in {@link
 * org.tokenformer.engine.tensor.DType}, but is stricter about the header: no duplicate keys, no
 * unknown fields, limits on tensors and dimensions. Tensors need not be aligned to their element
 * size: an unaligned one can be read only with the {@code _UNALIGNED} value layouts and vector
 * loads.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
public final class SafetensorsFile implements Checkpoint {
  private final FileBytes file;
  private final SequencedMap<String, NamedTensor> tensors;
  private final SequencedMap<String, String> metadata;

  private SafetensorsFile(FileBytes file, SafetensorsHeader header) {
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
      return new SafetensorsFile(file, SafetensorsHeader.read(file));
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
  public SequencedMap<String, NamedTensor> tensors() {
    return tensors;
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
