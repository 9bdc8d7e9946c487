package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.checkpoint.PickleValue.Dict;
import org.tokenformer.engine.checkpoint.PickleValue.Function;
import org.tokenformer.engine.checkpoint.PickleValue.Int;
import org.tokenformer.engine.checkpoint.PickleValue.None;
import org.tokenformer.engine.checkpoint.PickleValue.Opaque;
import org.tokenformer.engine.checkpoint.PickleValue.Sequence;
import org.tokenformer.engine.checkpoint.PickleValue.Storage;
import org.tokenformer.engine.checkpoint.PickleValue.StorageType;
import org.tokenformer.engine.checkpoint.PickleValue.Tensor;
import org.tokenformer.engine.checkpoint.PickleValue.Text;
import org.tokenformer.engine.checkpoint.PickleValue.Tuple;
import org.tokenformer.engine.tensor.DType;

/**
 * The names that a pickle may refer to, and the effect of calling them. The few that tensors need
 * construct data. All other names become {@link Opaque} values: nothing is looked up, and calling
 * one only drops its arguments. Names that can only be there to run code are rejected.
 */
final class PickleGlobals {
  private static final int MAX_NAME = 256;

  /** Modules whose names have no use in a checkpoint but to run code when it is loaded. */
  private static final Set<String> HOSTILE_MODULES =
      Set.of(
          "os",
          "posix",
          "nt",
          "sys",
          "subprocess",
          "pty",
          "shutil",
          "socket",
          "runpy",
          "importlib",
          "webbrowser",
          "ctypes",
          "pickle",
          "torch.hub");

  /** The same among Python's built-in functions. */
  private static final Set<String> HOSTILE_BUILTINS =
      Set.of(
          "__import__",
          "apply",
          "breakpoint",
          "compile",
          "eval",
          "exec",
          "execfile",
          "input",
          "open",
          "setattr");

  /** Other names of the functions, with arguments of the same form. */
  private static final Map<String, String> ALIASES =
      Map.of(
          "__builtin__.dict", "builtins.dict",
          "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
          "torch._utils._rebuild_parameter_with_state", "torch._utils._rebuild_parameter");

  private final Path path;
  private long copied;

  PickleGlobals(Path path) {
    this.path = path;
  }

  /** Resolves a name. Only here does a name in the pickle become a value. */
  PickleValue find(String module, String name) throws CheckpointException {
    if (module.length() > MAX_NAME || name.length() > MAX_NAME) {
      throw bad("has a name longer than %d characters".formatted(MAX_NAME));
    }
    String full = module + "." + name;
    String known = ALIASES.getOrDefault(full, full);
    for (Function function : Function.values()) {
      if (function.pythonName.equals(known)) {
        return function;
      }
    }
    DType dtype = module.equals("torch") ? TorchStorage.dtype(name) : null;
    if (dtype != null) {
      return new StorageType(dtype);
    }
    if (isHostile(module, name)) {
      throw new CheckpointException(
          Kind.FORBIDDEN_GLOBAL,
          path,
          ("data.pkl requests %s, which is not allowed (nothing was run): Python would run code of"
                  + " this file, so do not open it elsewhere")
              .formatted(quote(full)));
    }
    return new Opaque(module, name, full.startsWith("torch._utils._rebuild_"));
  }

  private static boolean isHostile(String module, String name) {
    if (module.equals("builtins") || module.equals("__builtin__")) {
      return HOSTILE_BUILTINS.contains(name);
    }
    int dot = module.indexOf('.');
    return HOSTILE_MODULES.contains(module)
        || HOSTILE_MODULES.contains(dot < 0 ? module : module.substring(0, dot));
  }

  PickleValue call(PickleValue function, Tuple arguments) throws CheckpointException {
    if (function instanceof Opaque) {
      return function;
    }
    if (!(function instanceof Function allowed)) {
      throw bad("calls " + function.describe() + ", which is not a function");
    }
    List<PickleValue> items = arguments.items;
    return switch (allowed) {
      case DICT, ORDERED_DICT, COUNTER -> dict(items.isEmpty() ? null : items.getFirst());
      case DEFAULT_DICT -> dict(items.size() < 2 ? null : items.get(1));
      case REBUILD_TENSOR -> tensor(items);
      case REBUILD_PARAMETER -> parameter(items);
      case REBUILD_FROM_TYPE -> {
        // function, type, its arguments, attributes
        if (items.size() < 3
            || !(items.get(2) instanceof Tuple inner)
            || items.get(0) == Function.REBUILD_FROM_TYPE) {
          throw bad("rebuilds a tensor from something other than (function, type, arguments, …)");
        }
        yield call(items.get(0), inner);
      }
    };
  }

  /** Creates a dict, which pickles of Python 2 fill by a list of (key, value). */
  private Dict dict(@Nullable PickleValue content) throws CheckpointException {
    Dict dict = new Dict();
    if (content instanceof Dict other) {
      countCopies(other.items.size());
      dict.items.putAll(other.items);
    } else if (content instanceof Sequence list) {
      countCopies(list.items.size());
      for (PickleValue item : list.items) {
        List<PickleValue> pair =
            item instanceof Tuple t ? t.items : item instanceof Sequence s ? s.items : List.of();
        if (pair.size() != 2) {
          throw bad("makes a dict from a list of something other than pairs");
        }
        put(dict, pair.get(0), pair.get(1));
      }
    } else if (content != null) {
      throw bad("makes a dict from " + content.describe());
    }
    return dict;
  }

  /** Limits the copies of containers: a short pickle can request any number of them. */
  private void countCopies(int items) throws CheckpointException {
    copied += items;
    if (copied > PickleMachine.MAX_INSTRUCTIONS) {
      throw new CheckpointException(
          Kind.LIMIT,
          path,
          "data.pkl copies more than %d items of dicts".formatted(PickleMachine.MAX_INSTRUCTIONS));
    }
  }

  /** Sets an item of a dict. */
  void put(Dict dict, PickleValue key, PickleValue value) throws CheckpointException {
    Object itemKey =
        switch (key) {
          case Text text -> text.value();
          case Int number -> number.value();
          case Sequence _, Dict _ -> throw bad("has " + key.describe() + " as a dict key");
          default -> key;
        };
    dict.items.put(itemKey, value);
  }

  private PickleValue parameter(List<PickleValue> items) throws CheckpointException {
    PickleValue data = items.isEmpty() ? None.NONE : items.getFirst();
    if (data instanceof Tensor || data instanceof Opaque) {
      return data;
    }
    throw bad("makes a parameter from something other than a tensor");
  }

  /**
   * Converts a persistent id: ('storage', type, key, device, number of elements). Returns the type
   * itself if it is not supported.
   */
  PickleValue storage(PickleValue id) throws CheckpointException {
    if (id instanceof Tuple tuple
        && tuple.items.size() == 5
        && tuple.items.get(0) instanceof Text(String tag)
        && tag.equals("storage")) {
      if (tuple.items.get(1) instanceof Opaque type) {
        return type;
      }
      if (tuple.items.get(1) instanceof StorageType(DType dtype)
          && tuple.items.get(2) instanceof Text(String key)
          && tuple.items.get(4) instanceof Int(long elements)
          && elements >= 0) {
        return new Storage(dtype, key, elements);
      }
    }
    throw bad("has a storage that is not ('storage', type, key, device, size)");
  }

  /**
   * Builds a tensor from its arguments: storage, offset, sizes, strides; then, in files of torch
   * 0.4 and later, requires_grad and hooks, and since 1.13 a metadata dict, which marks lazily
   * negated or conjugated views.
   */
  private PickleValue tensor(List<PickleValue> items) throws CheckpointException {
    if (items.size() == 7 && items.get(6) instanceof Dict marks && !marks.items.isEmpty()) {
      return Opaque.VIEW;
    }
    if (!items.isEmpty() && items.getFirst() instanceof Opaque(String module, String name, _)) {
      return new Opaque(module, name, true);
    }
    if ((items.size() == 4 || items.size() == 6 || items.size() == 7)
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
