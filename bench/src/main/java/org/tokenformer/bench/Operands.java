package org.tokenformer.bench;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.tokenformer.engine.Backends;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.measure.Machine;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** Shared setup of benchmarks: random operands, kernel self-check, machine ceilings. */
public final class Operands {
  private Operands() {}

  /** Opens a backend and checks its kernels. */
  public static Backend open(String name, int threads) {
    Backend backend = Backends.open(name, threads).backend();
    if (!Machine.selfCheck(backend).isEmpty()) {
      throw new IllegalStateException(Machine.selfCheck(backend).toString());
    }
    return backend;
  }

  /** Prints the machine's measured ceilings. */
  static void printCeilings(int threads) {
    Machine.Ceilings ceilings = Machine.measure(threads);
    System.out.printf(
        "ceilings of %d threads: %.1f GFLOP/s, %.1f GB/s%n",
        threads, ceilings.flops() / 1e9, ceilings.bytesPerSecond() / 1e9);
  }

  /** Returns a matrix of normally distributed numbers; same sizes, same numbers. */
  public static Tensor random(Backend backend, MemoryScope scope, long rows, long columns) {
    SplittableRandom random = new SplittableRandom(rows * 31 + columns);
    float[] values = new float[Math.toIntExact(rows * columns)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() * 0.1f;
    }
    Tensor tensor = scope.allocate(DType.F32, Shape.of(rows, columns));
    backend.upload(MemorySegment.ofArray(values), tensor);
    return tensor;
  }
}
