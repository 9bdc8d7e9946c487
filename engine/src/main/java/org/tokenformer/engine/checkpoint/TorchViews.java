package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.checkpoint.PickleValue.Storage;
import org.tokenformer.engine.checkpoint.PickleValue.Tensor;
import org.tokenformer.engine.tensor.Shape;

/** Converts the pickle's descriptions of tensors into checked views of the archive's storages. */
final class TorchViews {
  private final FileBytes file;
  private final ZipArchive archive;
  private final String dataFolder;
  private final SequencedMap<String, TensorInfo> index = new LinkedHashMap<>();
  private final Map<String, Tensor> views;
  private final Map<String, MemorySegment> storages = new HashMap<>();

  /**
   * Checks the shape and bounds of all tensors; reads none of their data.
   *
   * @param dataFolder folder of the storages in the archive, with a trailing slash
   * @param views the tensors by name
   */
  TorchViews(
      FileBytes file, ZipArchive archive, String dataFolder, SequencedMap<String, Tensor> views)
      throws CheckpointException {
    this.file = file;
    this.archive = archive;
    this.dataFolder = dataFolder;
    this.views = views;
    for (Map.Entry<String, Tensor> e : views.entrySet()) {
      String name = e.getKey();
      Tensor tensor = e.getValue();
      storageEntry(name, tensor.storage);
      index.put(
          name, new TensorDescription(name, tensor.storage.dtype(), checkedShape(name, tensor)));
    }
  }

  /** Returns names, types and shapes. */
  SequencedMap<String, TensorInfo> index() {
    return index;
  }

  /**
   * Returns tensors whose data has been compared with the checksums of the file.
   *
   * @param names of existing tensors
   * @param budget maximum bytes of all copies: of views with gaps and of inflated storages
   */
  SequencedMap<String, NamedTensor> load(Collection<String> names, long budget)
      throws CheckpointException {
    Memory memory = new Memory(budget);
    SequencedMap<String, NamedTensor> tensors = new LinkedHashMap<>();
    for (String name : names) {
      tensors.put(name, view(name, Objects.requireNonNull(views.get(name)), memory));
    }
    return tensors;
  }

  /** Allocates in the file's memory, up to a limit. */
  private final class Memory {
    private final long limit;
    private long left;

    Memory(long limit) {
      this.limit = limit;
      this.left = limit;
    }

    MemorySegment allocate(String name, long bytes) throws CheckpointException {
      if (bytes > left) {
        throw new CheckpointException(
            Kind.LIMIT,
            file.path(),
            ("tensor %s: expanded, transposed and compressed tensors need copies of more than %d"
                    + " bytes; save .contiguous() tensors without compression")
                .formatted(quote(name), limit));
      }
      left -= bytes;
      return file.allocate(bytes);
    }
  }

  private NamedTensor view(String name, Tensor tensor, Memory memory) throws CheckpointException {
    Storage storage = tensor.storage;
    Shape shape = Objects.requireNonNull(index.get(name)).shape();
    int width = storage.dtype().bytes();
    MemorySegment elements = storage(name, storage, memory);
    if (shape.elements() == 0 || isContiguous(tensor)) {
      MemorySegment data = elements.asSlice(tensor.offset * width, shape.elements() * width);
      return new NamedTensor(name, storage.dtype(), shape, data);
    }
    MemorySegment copy = memory.allocate(name, shape.bytes(storage.dtype()));
    StridedCopy.copy(elements, tensor, copy);
    return new NamedTensor(name, storage.dtype(), shape, copy);
  }

  private MemorySegment storage(String name, Storage storage, Memory memory)
      throws CheckpointException {
    MemorySegment data = storages.get(storage.key());
    if (data == null) {
      data = archive.read(storageEntry(name, storage), bytes -> memory.allocate(name, bytes));
      storages.put(storage.key(), data);
    }
    return data;
  }

  private ZipArchive.Entry storageEntry(String name, Storage storage) throws CheckpointException {
    ZipArchive.Entry entry = archive.entries().get(dataFolder + storage.key());
    if (entry == null) {
      throw new CheckpointException(
          Kind.MISSING_ENTRY,
          file.path(),
          "tensor %s needs the archive entry %s, which is missing"
              .formatted(quote(name), quote(dataFolder + storage.key())));
    }
    int width = storage.dtype().bytes();
    if (entry.size() % width != 0 || entry.size() / width != storage.elements()) {
      throw new CheckpointException(
          Kind.SIZE_MISMATCH,
          file.path(),
          "tensor %s: its storage should have %d elements of %s, but archive entry %s has %d bytes"
              .formatted(
                  quote(name),
                  storage.elements(),
                  storage.dtype(),
                  quote(entry.name()),
                  entry.size()));
    }
    return entry;
  }

  /** Returns the shape, after checking that the first and last element are inside the storage. */
  private Shape checkedShape(String name, Tensor tensor) throws CheckpointException {
    long[] sizes = tensor.sizes;
    long[] strides = tensor.strides;
    if (sizes.length != strides.length) {
      throw new CheckpointException(
          Kind.BAD_SHAPE,
          file.path(),
          "tensor %s has %d sizes but %d strides"
              .formatted(quote(name), sizes.length, strides.length));
    }
    long last = tensor.offset;
    Shape shape;
    try {
      shape = Shape.of(sizes);
      for (int i = 0; shape.elements() > 0 && i < sizes.length; i++) {
        last = Math.addExact(last, Math.multiplyExact(sizes[i] - 1, strides[i]));
      }
      if (shape.elements() > 0) {
        last = Math.addExact(last, 1);
      }
      Math.multiplyExact(shape.elements(), tensor.storage.dtype().bytes());
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new CheckpointException(
          Kind.BAD_SHAPE,
          file.path(),
          "tensor %s has sizes or strides beyond 2^63".formatted(quote(name)),
          e);
    }
    if (tensor.offset < 0 || last > tensor.storage.elements()) {
      throw new CheckpointException(
          Kind.OUT_OF_BOUNDS,
          file.path(),
          "tensor %s has elements from %d to %d, beyond its storage of %d"
              .formatted(quote(name), tensor.offset, last, tensor.storage.elements()));
    }
    return shape;
  }

  /** Returns whether a view that has elements is row-major without gaps. */
  private static boolean isContiguous(Tensor tensor) {
    long expected = 1;
    for (int i = tensor.sizes.length - 1; i >= 0; i--) {
      // The stride of a dimension of size 1 is never used, so torch allows any value.
      if (tensor.sizes[i] != 1 && tensor.strides[i] != expected) {
        return false;
      }
      expected *= tensor.sizes[i];
    }
    return true;
  }
}
