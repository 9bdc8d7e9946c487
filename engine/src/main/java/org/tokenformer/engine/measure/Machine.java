package org.tokenformer.engine.measure;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.backend.vector.CeilingsTask;
import org.tokenformer.engine.backend.vector.VectorBackend;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** Measures this machine's performance limits and checks the results of its kernels. */
public final class Machine {
  private static final double TOLERANCE = 1e-4;

  private Machine() {}

  /**
   * Measured upper limits of a kernel's speed: the best of many short rounds, since the machine may
   * be shared.
   *
   * @param flopsOneThread floating-point operations per second of one thread
   * @param flops floating-point operations per second of all threads together
   * @param bytesPerSecondOneThread bytes per second that one thread reads from memory
   * @param bytesPerSecond bytes per second that all threads read together
   */
  public record Ceilings(
      double flopsOneThread, double flops, double bytesPerSecondOneThread, double bytesPerSecond) {}

  /** Returns the vector width in bits; needs the vector module, as do the ceilings. */
  public static int vectorBits() {
    return VectorBackend.vectorBits();
  }

  /**
   * Measures the ceilings, which takes about four seconds.
   *
   * @param threads how many threads compute together
   */
  public static Ceilings measure(int threads) {
    double flopsOne;
    double bytesOne;
    try (CeilingsTask one = new CeilingsTask(1)) {
      flopsOne = one.flops();
      bytesOne = one.bytesPerSecond();
    }
    if (threads == 1) {
      return new Ceilings(flopsOne, flopsOne, bytesOne, bytesOne);
    }
    try (CeilingsTask all = new CeilingsTask(threads)) {
      double bytes = Math.max(bytesOne, all.bytesPerSecond());
      return new Ceilings(flopsOne, Math.max(flopsOne, all.flops()), bytesOne, bytes);
    }
  }

  /**
   * Measures the floating-point operations per second of this many threads together, as in {@link
   * Ceilings}; takes about a second.
   */
  public static double flops(int threads) {
    try (CeilingsTask all = new CeilingsTask(threads)) {
      return all.flops();
    }
  }

  /**
   * Compares each fused operation of a backend with the scalar reference at small sizes.
   *
   * @return a line for each wrong result; empty if all are correct
   */
  public static List<String> selfCheck(Backend backend) {
    List<String> problems = new ArrayList<>();
    try (Backend reference = new CheckedBackend(new ScalarBackend());
        MemoryScope scope = reference.openScope()) {
      SplittableRandom random = new SplittableRandom(1);
      Tensor keys = random(random, reference, scope, 67, 40);
      Tensor values = random(random, reference, scope, 67, 40);
      for (int rows : new int[] {1, 3, 61}) {
        Tensor x = random(random, reference, scope, rows, 40);
        for (Theta theta : Theta.values()) {
          ParameterTokens tokens = ParameterTokens.of(theta, 5, keys, values);
          float[] expected = pattention(reference, scope, x, tokens);
          compare(
              theta + " with " + rows + " rows",
              expected,
              pattention(backend, scope, x, tokens),
              problems);
        }
        float[] expected = attention(reference, scope, x);
        compare(
            "attention with " + rows + " rows", expected, attention(backend, scope, x), problems);
      }
    }
    return problems;
  }

  private static float[] pattention(
      Backend backend, MemoryScope scope, Tensor x, ParameterTokens tokens) {
    Tensor out = scope.allocate(DType.F32, x.shape());
    backend.pattention(x, tokens, out);
    return floats(backend, out);
  }

  private static float[] attention(Backend backend, MemoryScope scope, Tensor x) {
    Tensor out = scope.allocate(DType.F32, x.shape());
    int rows = Math.toIntExact(x.rows());
    backend.attention(x, x, x, 2, 0, List.of(new Sequence(rows, 0, null)), out);
    return floats(backend, out);
  }

  private static Tensor random(
      SplittableRandom random, Backend backend, MemoryScope scope, int rows, int columns) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    Tensor tensor = scope.allocate(DType.F32, Shape.of(rows, columns));
    backend.upload(MemorySegment.ofArray(values), tensor);
    return tensor;
  }

  private static float[] floats(Backend backend, Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.shape().elements())];
    backend.download(tensor, MemorySegment.ofArray(values));
    return values;
  }

  private static void compare(
      String what, float[] expected, float[] actual, List<String> problems) {
    double largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      if (!(Math.abs(expected[i] - actual[i]) <= TOLERANCE * largest)) {
        problems.add(what + ": element " + i + " is " + actual[i] + ", not " + expected[i]);
        return;
      }
    }
  }
}
