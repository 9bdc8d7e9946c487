package org.tokenformer.engine.checkpoint;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.tokenformer.engine.tensor.Shape;

/**
 * Writes the pickle, protocol 2, of an OrderedDict of tensors as {@code torch.save} does, but
 * without the memo: repeated names cost about thirty bytes per tensor, and no bookkeeping is
 * needed.
 */
final class PickleWriter {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private PickleWriter() {}

  /** Returns the pickle; the storage of the i-th tensor has the key i. */
  static byte[] stateDict(List<NamedTensor> tensors) {
    PickleWriter pickle = new PickleWriter();
    pickle.opcode(PickleOpcode.PROTO);
    pickle.out.write(2);
    pickle.orderedDict();
    pickle.opcode(PickleOpcode.MARK);
    for (int i = 0; i < tensors.size(); i++) {
      pickle.text(tensors.get(i).name());
      pickle.tensor(tensors.get(i), Integer.toString(i));
    }
    pickle.opcode(PickleOpcode.SETITEMS);
    pickle.opcode(PickleOpcode.STOP);
    return pickle.out.toByteArray();
  }

  private void tensor(NamedTensor tensor, String key) {
    Shape shape = tensor.shape();
    global("torch._utils", "_rebuild_tensor_v2");
    opcode(PickleOpcode.MARK);
    opcode(PickleOpcode.MARK);
    text("storage");
    global("torch", TorchStorage.className(tensor.dtype()));
    text(key);
    text("cpu");
    number(shape.elements());
    opcode(PickleOpcode.TUPLE);
    opcode(PickleOpcode.BINPERSID);
    number(0); // offset in the storage
    opcode(PickleOpcode.MARK);
    for (int i = 0; i < shape.rank(); i++) {
      number(shape.size(i));
    }
    opcode(PickleOpcode.TUPLE);
    opcode(PickleOpcode.MARK);
    for (int i = 0; i < shape.rank(); i++) {
      number(stride(shape, i));
    }
    opcode(PickleOpcode.TUPLE);
    opcode(PickleOpcode.NEWFALSE); // requires_grad
    orderedDict(); // backward hooks
    opcode(PickleOpcode.TUPLE);
    opcode(PickleOpcode.REDUCE);
  }

  /** Returns a stride as torch computes it: an empty dimension counts as one. */
  private static long stride(Shape shape, int dimension) {
    long stride = 1;
    for (int i = dimension + 1; i < shape.rank(); i++) {
      stride *= Math.max(shape.size(i), 1);
    }
    return stride;
  }

  private void orderedDict() {
    global("collections", "OrderedDict");
    opcode(PickleOpcode.EMPTY_TUPLE);
    opcode(PickleOpcode.REDUCE);
  }

  private void opcode(int code) {
    out.write(code);
  }

  private void global(String module, String name) {
    opcode(PickleOpcode.GLOBAL);
    out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
  }

  private void text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    opcode(PickleOpcode.BINUNICODE);
    littleEndian(utf8.length, 4);
    out.writeBytes(utf8);
  }

  private void number(long value) {
    if (value == (int) value) {
      opcode(PickleOpcode.BININT);
      littleEndian(value, 4);
    } else {
      opcode(PickleOpcode.LONG1);
      out.write(8);
      littleEndian(value, 8);
    }
  }

  private void littleEndian(long value, int bytes) {
    for (int i = 0; i < bytes; i++) {
      out.write((int) (value >>> (8 * i)));
    }
  }
}
