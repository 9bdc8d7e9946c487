package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.nio.file.Path;
import java.util.List;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.checkpoint.PickleValue.Dict;
import org.tokenformer.engine.checkpoint.PickleValue.Function;
import org.tokenformer.engine.checkpoint.PickleValue.Int;
import org.tokenformer.engine.checkpoint.PickleValue.Storage;
import org.tokenformer.engine.checkpoint.PickleValue.StorageType;
import org.tokenformer.engine.checkpoint.PickleValue.Tensor;
import org.tokenformer.engine.checkpoint.PickleValue.Text;
import org.tokenformer.engine.checkpoint.PickleValue.Tuple;
import org.tokenformer.engine.tensor.DType;

/** The names that a pickle may refer to, and the effect of calling them. */
final class PickleGlobals {
  private final Path path;

  PickleGlobals(Path path) {
    this.path = path;
  }

  /** Resolves a name. Only here does a name in the pickle become a value. */
  PickleValue find(String module, String name) throws CheckpointException {
    String full = module + "." + name;
    for (Function function : Function.values()) {
      if (function.pythonName.equals(full)) {
        return function;
      }
    }
    DType dtype = module.equals("torch") ? TorchStorage.dtype(name) : null;
    if (dtype != null) {
      return new StorageType(dtype);
    }
    throw new CheckpointException(
        Kind.FORBIDDEN_GLOBAL,
        path,
        ("data.pkl requests %s, which is not allowed (nothing was run); save only a state_dict of"
                + " tensors")
            .formatted(quote(full)));
  }

  PickleValue call(PickleValue function, Tuple arguments) throws CheckpointException {
    if (!(function instanceof Function allowed)) {
      throw bad("calls " + function.describe() + ", which is not an allowed function");
    }
    List<PickleValue> items = arguments.items;
    return switch (allowed) {
      case ORDERED_DICT -> {
        if (!items.isEmpty()) {
          throw bad("calls OrderedDict with arguments, which is not supported");
        }
        yield new Dict();
      }
      case REBUILD_TENSOR -> tensor(items);
      case REBUILD_PARAMETER -> {
        if (items.isEmpty() || !(items.getFirst() instanceof Tensor tensor)) {
          throw bad("makes a parameter from something other than a tensor");
        }
        yield tensor;
      }
    };
  }

  /** Converts a persistent id: ('storage', type, key, device, number of elements). */
  Storage storage(PickleValue id) throws CheckpointException {
    if (id instanceof Tuple tuple
        && tuple.items.size() == 5
        && tuple.items.get(0) instanceof Text(String tag)
        && tag.equals("storage")
        && tuple.items.get(1) instanceof StorageType(DType dtype)
        && tuple.items.get(2) instanceof Text(String key)
        && tuple.items.get(4) instanceof Int(long elements)
        && elements >= 0) {
      return new Storage(dtype, key, elements);
    }
    throw bad("has a storage that is not ('storage', type, key, device, size)");
  }

  /**
   * Builds a tensor from its arguments: storage, offset, sizes, strides, requires_grad, hooks, and
   * since torch 1.13 a metadata dict, which marks lazily negated or conjugated views.
   */
  private Tensor tensor(List<PickleValue> items) throws CheckpointException {
    if (items.size() == 7 && items.get(6) instanceof Dict marks && !marks.items.isEmpty()) {
      throw bad("has a tensor that is lazily negated or conjugated; save a .clone() of it");
    }
    if ((items.size() == 6 || items.size() == 7)
        && items.get(0) instanceof Storage storage
        && items.get(1) instanceof Int(long offset)
        && items.get(2) instanceof Tuple sizes
        && items.get(3) instanceof Tuple strides) {
      return new Tensor(storage, offset, longs(sizes), longs(strides));
    }
    throw bad("has a tensor that is not (storage, offset, sizes, strides, …)");
  }

  private long[] longs(Tuple tuple) throws CheckpointException {
    if (tuple.items.size() > TensorLimits.MAX_RANK) {
      throw new CheckpointException(
          Kind.LIMIT,
          path,
          "data.pkl has a tensor of %d dimensions, but at most %d are allowed"
              .formatted(tuple.items.size(), TensorLimits.MAX_RANK));
    }
    long[] longs = new long[tuple.items.size()];
    for (int i = 0; i < longs.length; i++) {
      if (!(tuple.items.get(i) instanceof Int(long value)) || value < 0) {
        throw new CheckpointException(
            Kind.BAD_SHAPE,
            path,
            "data.pkl has a tensor with %s as a size or stride; it must be at least 0"
                .formatted(tuple.items.get(i).describe()));
      }
      longs[i] = value;
    }
    return longs;
  }

  private CheckpointException bad(String what) {
    return new CheckpointException(Kind.BAD_PICKLE, path, "data.pkl " + what);
  }
}
