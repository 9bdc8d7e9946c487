package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.PickleOpcode.*;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.checkpoint.PickleValue.Bool;
import org.tokenformer.engine.checkpoint.PickleValue.Dict;
import org.tokenformer.engine.checkpoint.PickleValue.Function;
import org.tokenformer.engine.checkpoint.PickleValue.Int;
import org.tokenformer.engine.checkpoint.PickleValue.Mark;
import org.tokenformer.engine.checkpoint.PickleValue.None;
import org.tokenformer.engine.checkpoint.PickleValue.Opaque;
import org.tokenformer.engine.checkpoint.PickleValue.Sequence;
import org.tokenformer.engine.checkpoint.PickleValue.Text;
import org.tokenformer.engine.checkpoint.PickleValue.Tuple;

/**
 * Reads the pickle of a torch checkpoint with an allow-list of instructions (those that {@code
 * torch.save} emits at protocols 2 to 5). Nothing in it is executed: the few functions that it may
 * "call" are data constructors of {@link PickleGlobals}, and what else a training program saved
 * beside its weights becomes an opaque value without contents.
 *
 * <p>Each instruction takes constant time and memory apart from the text it carries, and the number
 * of instructions is capped, so no pickle can cost more than a few hundred megabytes: values that
 * refer to each other in large numbers ("billion laughs") stay references.
 *
 * @see <a href="https://docs.python.org/3/library/pickletools.html">pickletools</a>
 */
final class PickleMachine {
  /**
   * The maximum size of a pickle, for the caller to check; one with a thousand tensors has about
   * 100 kB.
   */
  static final long MAX_BYTES = 1 << 25;

  static final int MAX_INSTRUCTIONS = 1 << 22;

  private final Path path;
  private final PickleInput in;
  private final PickleGlobals globals;
  private final List<PickleValue> stack = new ArrayList<>();
  private final Map<Integer, PickleValue> memo = new HashMap<>();

  private PickleMachine(Path path, MemorySegment pickle) {
    this.path = path;
    this.in = new PickleInput(path, pickle);
    this.globals = new PickleGlobals(path);
  }

  /** Returns the value that the pickle describes. */
  static PickleValue read(Path path, MemorySegment pickle) throws CheckpointException {
    return new PickleMachine(path, pickle).run();
  }

  private PickleValue run() throws CheckpointException {
    if (in.u8() != PROTO) {
      throw bad("does not begin with a protocol number");
    }
    int protocol = in.u8();
    if (protocol < 2 || protocol > 5) {
      throw bad("has protocol %d; only 2 to 5 are supported".formatted(protocol));
    }
    for (int i = 0; i < MAX_INSTRUCTIONS; i++) {
      int opcode = in.u8();
      if (opcode == STOP) {
        return result();
      }
      step(opcode);
    }
    throw new CheckpointException(
        Kind.LIMIT, path, "data.pkl has more than %d instructions".formatted(MAX_INSTRUCTIONS));
  }

  private PickleValue result() throws CheckpointException {
    PickleValue result = pop();
    if (!stack.isEmpty()) {
      throw bad("ends with %d extra values on the stack".formatted(stack.size()));
    }
    return result;
  }

  private void step(int opcode) throws CheckpointException {
    switch (opcode) {
      case FRAME -> in.skipFrameHeader();
      case MARK -> stack.add(Mark.MARK);
      case NONE -> stack.add(None.NONE);
      case NEWTRUE -> stack.add(Bool.TRUE);
      case NEWFALSE -> stack.add(Bool.FALSE);
      case BININT -> stack.add(new Int(in.i32()));
      case BININT1 -> stack.add(new Int(in.u8()));
      case BININT2 -> stack.add(new Int(in.u16()));
      case LONG1 -> stack.add(number(in.u8()));
      case LONG4 -> stack.add(number(in.u32()));
      case BINFLOAT -> stack.add(new PickleValue.Real(in.bigEndianDouble()));
      case BINUNICODE -> stack.add(in.text(in.u32()));
      case SHORT_BINUNICODE -> stack.add(in.text(in.u8()));
      case BINUNICODE8 -> stack.add(in.text(in.i64()));
      case BINSTRING, BINBYTES -> bytes(in.u32());
      case SHORT_BINSTRING, SHORT_BINBYTES -> bytes(in.u8());
      case BINBYTES8, BYTEARRAY8 -> bytes(in.i64());
      case EMPTY_SET -> stack.add(Opaque.SET);
      case ADDITEMS -> addItems(popToMark());
      case FROZENSET -> frozenSet();
      case EMPTY_TUPLE -> stack.add(new Tuple(List.of()));
      case TUPLE -> stack.add(new Tuple(popToMark()));
      case TUPLE1 -> stack.add(new Tuple(pop(1)));
      case TUPLE2 -> stack.add(new Tuple(pop(2)));
      case TUPLE3 -> stack.add(new Tuple(pop(3)));
      case EMPTY_LIST -> stack.add(new Sequence());
      case APPEND -> append(pop(1));
      case APPENDS -> append(popToMark());
      case EMPTY_DICT -> stack.add(new Dict());
      case SETITEM -> setItems(pop(2));
      case SETITEMS -> setItems(popToMark());
      case BINPUT -> memo.put(in.u8(), top());
      case LONG_BINPUT -> memo.put(in.i32(), top());
      case MEMOIZE -> memo.put(memo.size(), top());
      case BINGET -> stack.add(memoEntry(in.u8()));
      case LONG_BINGET -> stack.add(memoEntry(in.i32()));
      case GLOBAL -> stack.add(globals.find(in.line(), in.line()));
      case STACK_GLOBAL -> stackGlobal();
      case BINPERSID -> stack.add(globals.storage(pop()));
      case REDUCE -> reduce();
      case NEWOBJ -> newObject(pop(2));
      case NEWOBJ_EX -> newObject(pop(3));
      case POP -> discard();
      case POP_MARK -> popToMark();
      case BUILD -> build();
      default ->
          throw new CheckpointException(
              Kind.FORBIDDEN_OPCODE,
              path,
              ("data.pkl has the instruction %s at byte %d, which is not allowed (nothing was run);"
                      + " save only a state_dict of tensors")
                  .formatted(PickleOpcode.name(opcode), in.position() - 1));
    }
  }

  private PickleValue top() throws CheckpointException {
    if (stack.isEmpty() || stack.getLast() == Mark.MARK) {
      throw bad("takes a value from an empty stack");
    }
    return stack.getLast();
  }

  private PickleValue pop() throws CheckpointException {
    PickleValue value = top();
    stack.removeLast();
    return value;
  }

  /** Removes the last value or mark. */
  private void discard() throws CheckpointException {
    if (stack.isEmpty()) {
      throw bad("removes a value from an empty stack");
    }
    stack.removeLast();
  }

  private List<PickleValue> pop(int count) throws CheckpointException {
    PickleValue[] values = new PickleValue[count];
    for (int i = count - 1; i >= 0; i--) {
      values[i] = pop();
    }
    return List.of(values);
  }

  private List<PickleValue> popToMark() throws CheckpointException {
    // Values are removed from the end, so a deep stack without marks is searched only once.
    List<PickleValue> values = new ArrayList<>();
    while (!stack.isEmpty()) {
      PickleValue value = stack.removeLast();
      if (value == Mark.MARK) {
        return values.reversed();
      }
      values.add(value);
    }
    throw bad("takes values up to a mark, but there is no mark");
  }

  private PickleValue memoEntry(int index) throws CheckpointException {
    PickleValue value = memo.get(index);
    if (value == null) {
      throw bad("uses memo entry %d, which was never stored".formatted(index));
    }
    return value;
  }

  /** Reads a number; one that does not fit a long is skipped. */
  private PickleValue number(long length) throws CheckpointException {
    if (length <= Long.BYTES) {
      return new Int(in.signed((int) length));
    }
    in.skip(length);
    return Opaque.NUMBER;
  }

  private void bytes(long length) throws CheckpointException {
    in.skip(length);
    stack.add(Opaque.BYTES);
  }

  private void frozenSet() throws CheckpointException {
    popToMark();
    stack.add(Opaque.SET);
  }

  private void addItems(List<PickleValue> values) throws CheckpointException {
    if (!(top() instanceof Opaque)) {
      throw bad("adds %d items to %s".formatted(values.size(), top().describe()));
    }
  }

  private void append(List<PickleValue> values) throws CheckpointException {
    switch (top()) {
      case Sequence list -> list.items.addAll(values);
      case Opaque _ -> {} // a subclass of list
      default -> throw bad("appends to " + top().describe());
    }
  }

  private void setItems(List<PickleValue> pairs) throws CheckpointException {
    if (pairs.size() % 2 != 0) {
      throw bad("sets an item without a value");
    }
    switch (top()) {
      case Dict dict -> {
        for (int i = 0; i < pairs.size(); i += 2) {
          globals.put(dict, pairs.get(i), pairs.get(i + 1));
        }
      }
      case Opaque _ -> {} // a subclass of dict
      default -> throw bad("sets items of " + top().describe());
    }
  }

  private void stackGlobal() throws CheckpointException {
    List<PickleValue> names = pop(2);
    if (!(names.get(0) instanceof Text module) || !(names.get(1) instanceof Text name)) {
      throw bad(
          "names a global by %s and %s, not by two strings"
              .formatted(names.get(0).describe(), names.get(1).describe()));
    }
    stack.add(globals.find(module.value(), name.value()));
  }

  private void reduce() throws CheckpointException {
    List<PickleValue> call = pop(2);
    if (!(call.get(1) instanceof Tuple arguments)) {
      throw bad("calls a function with " + call.get(1).describe() + ", not a tuple of arguments");
    }
    stack.add(globals.call(call.get(0), arguments));
  }

  /** Creates an object of a class: a dict, or an opaque value. */
  private void newObject(List<PickleValue> parts) throws CheckpointException {
    PickleValue type = parts.getFirst();
    if (!(parts.get(1) instanceof Tuple)) {
      throw bad("makes an object with %s as its arguments".formatted(parts.get(1).describe()));
    }
    switch (type) {
      case Opaque _ -> stack.add(type);
      case Function function when function.isDict() -> stack.add(new Dict());
      default -> throw bad("makes an object of " + type.describe() + ", which is not a class");
    }
  }

  /** Drops the attributes of a dict (torch keeps version numbers there) or an opaque value. */
  private void build() throws CheckpointException {
    PickleValue state = pop();
    if (!(top() instanceof Dict || top() instanceof Opaque)) {
      throw bad(
          "sets attributes of %s to %s, which is not allowed (nothing was run)"
              .formatted(top().describe(), state.describe()));
    }
  }

  private CheckpointException bad(String what) {
    return new CheckpointException(Kind.BAD_PICKLE, path, "data.pkl " + what);
  }
}
