package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.tokenformer.engine.tensor.DType;

/**
 * A value that a pickle can create here. Values may contain each other in any way, including
 * cycles, so they are never traversed: not compared, hashed or printed as a whole.
 */
sealed interface PickleValue {
  /** Describes the value in a message. */
  default String describe() {
    return switch (this) {
      case None n -> "None";
      case Bool b -> b == Bool.TRUE ? "True" : "False";
      case Int i -> "the number " + i.value;
      case Real r -> "the number " + r.value;
      case Text t -> "the string " + quote(t.value);
      case Tuple t -> "a tuple of " + t.items.size();
      case Sequence s -> "a list";
      case Dict d -> "a dict";
      case Function f -> f.pythonName;
      case StorageType s -> "torch." + TorchStorage.className(s.dtype);
      case Storage s -> "storage " + quote(s.key);
      case Tensor t -> "a tensor";
      case Opaque o -> o.what();
      case Mark m -> "a mark";
    };
  }

  /** Python's None. */
  enum None implements PickleValue {
    NONE
  }

  /** Python's bool. */
  enum Bool implements PickleValue {
    FALSE,
    TRUE
  }

  /** Separates items on the stack; never inside another value. */
  enum Mark implements PickleValue {
    MARK
  }

  /** The functions and classes that a pickle may call. */
  enum Function implements PickleValue {
    DICT("builtins.dict"),
    ORDERED_DICT("collections.OrderedDict"),
    DEFAULT_DICT("collections.defaultdict"),
    COUNTER("collections.Counter"),
    REBUILD_TENSOR("torch._utils._rebuild_tensor_v2"),
    REBUILD_PARAMETER("torch._utils._rebuild_parameter"),
    REBUILD_FROM_TYPE("torch._tensor._rebuild_from_type_v2");

    final String pythonName;

    Function(String pythonName) {
      this.pythonName = pythonName;
    }

    boolean isDict() {
      return this == DICT || this == ORDERED_DICT || this == DEFAULT_DICT || this == COUNTER;
    }
  }

  record Int(long value) implements PickleValue {}

  record Real(double value) implements PickleValue {}

  record Text(String value) implements PickleValue {}

  /**
   * A value that is not needed to read tensors: a set, bytes, a class or function that is not
   * allowed, an object of it. Its contents are dropped. The name is kept in two parts, since
   * joining them for each value would let a small pickle fill the memory.
   *
   * @param module Python module of the class or function; empty for {@code name} itself
   * @param tensor whether it is a tensor of a kind that is not supported
   */
  record Opaque(String module, String name, boolean tensor) implements PickleValue {
    static final Opaque NUMBER = new Opaque("a large number");
    static final Opaque BYTES = new Opaque("bytes");
    static final Opaque TEXT = new Opaque("a long string");
    static final Opaque SET = new Opaque("a set");
    static final Opaque VIEW =
        new Opaque(
            "",
            "a lazily negated or conjugated tensor, which is not supported; save a .clone() of it",
            true);

    Opaque(String what) {
      this("", what, false);
    }

    private String what() {
      if (module.isEmpty()) {
        return name;
      }
      String full = quote(module + "." + name);
      return tensor
          ? "a tensor of %s, which is not supported".formatted(full)
          : "an object of " + full;
    }
  }

  /** An allowed storage class. */
  record StorageType(DType dtype) implements PickleValue {}

  /** Memory that the archive stores under a key: {@code elements} of a type. */
  record Storage(DType dtype, String key, long elements) implements PickleValue {}

  /** A view of a storage as the pickle describes it, not yet checked against the storage. */
  final class Tensor implements PickleValue {
    final Storage storage;
    final long offset;
    final long[] sizes;
    final long[] strides;

    Tensor(Storage storage, long offset, long[] sizes, long[] strides) {
      this.storage = storage;
      this.offset = offset;
      this.sizes = sizes;
      this.strides = strides;
    }
  }

  /** An immutable tuple. */
  final class Tuple implements PickleValue {
    final List<PickleValue> items;

    Tuple(List<PickleValue> items) {
      this.items = List.copyOf(items);
    }
  }

  /** A list. */
  final class Sequence implements PickleValue {
    final List<PickleValue> items = new ArrayList<>();
  }

  /** A dict or one of its subclasses. */
  final class Dict implements PickleValue {
    /**
     * By a String, a Long, or, for a key of any other type, that value: tuples are compared by
     * identity, since hashing them would traverse them.
     */
    final Map<Object, PickleValue> items = new LinkedHashMap<>();
  }
}
