package org.tokenformer.engine.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.function.Executable;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** Shared parts of the tests of {@link CheckedBackend}. */
abstract class ArgumentChecks {
  private final HostScope scope = new HostScope();
  private final List<String> calls = new ArrayList<>();

  /** Records the calls that pass the checks. */
  final Backend backend =
      new CheckedBackend(
          (Backend)
              Proxy.newProxyInstance(
                  Backend.class.getClassLoader(),
                  new Class<?>[] {Backend.class},
                  (proxy, method, arguments) -> {
                    calls.add(method.getName());
                    return method.getReturnType() == double.class ? 0.0 : null;
                  }));

  private final List<CachePool> pools = new ArrayList<>();

  @AfterEach
  void close() {
    pools.forEach(CachePool::close);
    scope.close();
  }

  /** Returns a cache with pages for this many positions, from a backend of its own. */
  final KeyValueCache cache(int layers, DType dtype, int capacity, int channels) {
    pools.add(new CachePool(new ScalarBackend(), layers, channels, dtype));
    KeyValueCache cache = new KeyValueCache(pools.getLast());
    cache.reserve(0, capacity);
    return cache;
  }

  final Tensor f32(long... shape) {
    return of(DType.F32, shape);
  }

  final Tensor of(DType dtype, Shape shape) {
    return scope.allocate(dtype, shape);
  }

  final Tensor of(DType dtype, long... shape) {
    return scope.allocate(dtype, Shape.of(shape));
  }

  static Tensor freed(Tensor like) {
    try (HostScope closed = new HostScope()) {
      return closed.allocate(like.dtype(), like.shape());
    }
  }

  static Tensor readOnly(Tensor tensor) {
    MemorySegment bytes = HostBuffer.segmentOf(tensor).asReadOnly();
    return new Tensor(new HostBuffer(bytes), 0, tensor.dtype(), tensor.shape());
  }

  static Tensor shiftedInto(Tensor tensor, long... shape) {
    return new Tensor(tensor.buffer(), 4, DType.F32, Shape.of(shape));
  }

  interface Call {
    void with(Tensor tensor);
  }

  /** Expects a message that starts with the argument's name and says what it must be. */
  final void refused(String name, Executable call) {
    refused(RuntimeException.class, name, call);
  }

  final void refused(Class<? extends RuntimeException> type, String name, Executable call) {
    refusedAs(type, name + " must ", call);
  }

  /** Expects a message that names both overlapping arguments. */
  final void overlaps(String result, String operand, Executable call) {
    refusedAs(IllegalArgumentException.class, result + " must not overlap " + operand + ", ", call);
  }

  final void refusedAs(Class<? extends RuntimeException> type, String start, Executable call) {
    String message = String.valueOf(assertThrows(type, call).getMessage());
    assertTrue(message.startsWith(start), message);
    assertEquals(List.of(), calls);
  }

  final void passes(String method, Runnable call) {
    call.run();
    assertEquals(List.of(method), calls);
    calls.clear();
  }

  /** Expects that only an F32 matrix of one shape is accepted. */
  final void onlyActivations(String name, Tensor good, Call call) {
    long rows = good.rows();
    long columns = good.columns();
    for (Tensor bad :
        List.of(
            f32(rows + 1, columns),
            f32(rows, columns + 1),
            f32(rows * columns),
            f32(rows, columns, 1),
            f32(),
            of(DType.BF16, rows, columns),
            of(DType.F64, rows, columns),
            of(DType.I32, rows, columns))) {
      refused(IllegalArgumentException.class, name, () -> call.with(bad));
    }
    refused(IllegalStateException.class, name, () -> call.with(freed(good)));
  }

  /** Expects the same of a result, and that it is writable. */
  final void onlyResults(String name, Tensor good, Call call) {
    onlyActivations(name, good, call);
    refused(IllegalArgumentException.class, name, () -> call.with(readOnly(good)));
  }

  final void onlyWeights(String name, Tensor good, Call call) {
    for (Tensor bad :
        List.of(
            f32(good.rows() * good.columns()),
            f32(),
            of(DType.F16, good.rows(), good.columns()),
            of(DType.I8, good.rows(), good.columns()))) {
      refused(IllegalArgumentException.class, name, () -> call.with(bad));
    }
    refused(IllegalStateException.class, name, () -> call.with(freed(good)));
  }

  /** Expects that only a writable F32 vector is accepted. */
  final void onlyGradients(String name, long size, Call call) {
    for (Tensor bad :
        List.of(
            f32(size + 1),
            f32(size - 1),
            f32(1, size),
            f32(),
            of(DType.BF16, size),
            of(DType.F64, size),
            readOnly(f32(size)))) {
      refused(IllegalArgumentException.class, name, () -> call.with(bad));
    }
    refused(IllegalStateException.class, name, () -> call.with(freed(f32(size))));
  }

  /**
   * Expects that results, listed after the inputs, share no byte with another operand; they may be
   * adjacent.
   *
   * @param names names of all operands
   */
  final void apart(int inputs, String names, Consumer<Tensor[]> call, Tensor... operands) {
    String[] name = names.split(" ", -1);
    for (int j = inputs; j < operands.length; j++) {
      for (int i = 0; i < j; i++) {
        Tensor room = f32((operands[i].byteSize() + operands[j].byteSize()) / 4);
        for (boolean first : new boolean[] {true, false}) {
          int before = first ? i : j;
          int after = first ? j : i;
          Tensor[] moved = operands.clone();
          moved[before] = new Tensor(room.buffer(), 0, DType.F32, operands[before].shape());
          long end = operands[before].byteSize();
          moved[after] = new Tensor(room.buffer(), end, DType.F32, operands[after].shape());
          call.accept(moved);
          calls.clear();
          moved[after] = new Tensor(room.buffer(), end - 4, DType.F32, operands[after].shape());
          String message =
              String.valueOf(
                  assertThrows(IllegalArgumentException.class, () -> call.accept(moved))
                      .getMessage());
          assertTrue(
              message.startsWith(name[j] + " must not overlap " + name[i] + ", ")
                  || message.startsWith(name[i] + " must not overlap " + name[j] + ", "),
              message);
          assertEquals(List.of(), calls);
        }
      }
    }
  }
}
