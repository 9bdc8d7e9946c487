package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.checkpoint.PickleValue.Dict;
import org.tokenformer.engine.checkpoint.PickleValue.Storage;
import org.tokenformer.engine.checkpoint.PickleValue.Tensor;
import org.tokenformer.engine.tensor.Shape;

/** Converts the pickle's descriptions of tensors into checked views of the archive's storages. */
final class TorchViews {
  private static final List<String> CONTAINERS = List.of("module", "state_dict", "model");

  /** Limit on copies, in file sizes: a small file may describe any number of transposed views. */
  private static final long COPY_FACTOR = 4;

  private final FileBytes file;
  private final ZipArchive archive;
  private final String dataFolder;
  private long copyBudget;

  /**
   * Creates views of the storages in this folder of the archive.
   *
   * @param dataFolder with a trailing slash
   */
  TorchViews(FileBytes file, ZipArchive archive, String dataFolder) {
    this.file = file;
    this.archive = archive;
    this.dataFolder = dataFolder;
    this.copyBudget = COPY_FACTOR * file.bytes().byteSize();
  }

  SequencedMap<String, NamedTensor> ofStateDict(PickleValue root) throws CheckpointException {
    SequencedMap<String, NamedTensor> tensors = new LinkedHashMap<>();
    for (Map.Entry<Object, PickleValue> e : stateDict(root).items.entrySet()) {
      if (!(e.getKey() instanceof String name)) {
        throw badStateDict("has the key %s, which is not a string".formatted(e.getKey()));
      }
      TensorLimits.checkName(file.path(), name);
      if (!(e.getValue() instanceof Tensor tensor)) {
        throw badStateDict(
            "has %s under %s, not a tensor; save only the state_dict"
                .formatted(e.getValue().describe(), quote(name)));
      }
      tensors.put(name, view(name, tensor));
    }
    return tensors;
  }

  private Dict stateDict(PickleValue root) throws CheckpointException {
    if (!(root instanceof Dict dict)) {
      throw badStateDict("contains %s, not a state_dict".formatted(root.describe()));
    }
    Dict found = null;
    for (String container : CONTAINERS) {
      if (dict.items.get(container) instanceof Dict inner) {
        if (found != null) {
          throw badStateDict("has more than one dict among the keys " + CONTAINERS);
        }
        found = inner;
      }
    }
    return found == null ? dict : found;
  }

  private NamedTensor view(String name, Tensor tensor) throws CheckpointException {
    Storage storage = tensor.storage;
    MemorySegment memory = memory(name, storage);
    Shape shape = checkedShape(name, tensor);
    int width = storage.dtype().bytes();
    if (shape.elements() == 0 || isContiguous(tensor)) {
      MemorySegment data = memory.asSlice(tensor.offset * width, shape.elements() * width);
      return new NamedTensor(name, storage.dtype(), shape, data);
    }
    if (shape.elements() > storage.elements()) {
      throw new CheckpointException(
          Kind.LIMIT,
          file.path(),
          "tensor %s is an expanded view of %d elements on a storage of %d; save a .clone() of it"
              .formatted(quote(name), shape.elements(), storage.elements()));
    }
    MemorySegment copy = allocateCopy(name, shape.elements() * width);
    StridedCopy.copy(memory, tensor, copy);
    return new NamedTensor(name, storage.dtype(), shape, copy);
  }

  private MemorySegment allocateCopy(String name, long bytes) throws CheckpointException {
    if (bytes > copyBudget) {
      throw new CheckpointException(
          Kind.LIMIT,
          file.path(),
          ("tensor %s: copies of non-contiguous tensors need more than %d times the file's size;"
                  + " save .contiguous() tensors")
              .formatted(quote(name), COPY_FACTOR));
    }
    copyBudget -= bytes;
    return file.allocate(bytes);
  }

  private MemorySegment memory(String name, Storage storage) throws CheckpointException {
    ZipArchive.Entry entry = archive.entries().get(dataFolder + storage.key());
    if (entry == null) {
      throw new CheckpointException(
          Kind.MISSING_ENTRY,
          file.path(),
          "tensor %s needs the archive entry %s, which is missing"
              .formatted(quote(name), quote(dataFolder + storage.key())));
    }
    long bytes = entry.data().byteSize();
    int width = storage.dtype().bytes();
    if (bytes % width != 0 || bytes / width != storage.elements()) {
      throw new CheckpointException(
          Kind.SIZE_MISMATCH,
          file.path(),
          "tensor %s: its storage should have %d elements of %s, but archive entry %s has %d bytes"
              .formatted(
                  quote(name), storage.elements(), storage.dtype(), quote(entry.name()), bytes));
    }
    return entry.data();
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

  private CheckpointException badStateDict(String what) {
    return new CheckpointException(Kind.BAD_STATE_DICT, file.path(), "data.pkl " + what);
  }
}
