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

/** What this machine can do at most, and whether its kernels compute what they should. */
public final class Machine {
  private static final double TOLERANCE = 1e-4;

  private Machine() {}

  /**
   * Limits that no kernel beats; the best of many short rounds, since machines are shared.
   *
   * @param flopsOneThread floating-point operations a second of one thread
   * @param flops of all threads together
   * @param bytesPerSecondOneThread bytes that one thread reads from memory in a second
   * @param bytesPerSecond that all threads read together
   */
  public record Ceilings(
      double flopsOneThread, double flops, double bytesPerSecondOneThread, double bytesPerSecond) {}

  /** Bits of the vectors in use; needs the vector backend, as do the ceilings. */
  public static int vectorBits() {
    return VectorBackend.vectorBits();
  }

  /**
   * Measures for about four seconds.
   *
   * @param threads all of them
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
   * Most floating-point operations a second that so many threads do together, as in {@link
   * Ceilings}; measures for about a second.
   */
  public static double flops(int threads) {
    try (CeilingsTask all = new CeilingsTask(threads)) {
      return all.flops();
    }
  }

  /**
   * Runs each fused operation of a backend against the scalar reference at small sizes.
   *
   * @return a line for each that is off, none if all is well
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
              theta + " of " + rows + " rows",
              expected,
              pattention(backend, scope, x, tokens),
              problems);
        }
        float[] expected = attention(reference, scope, x);
        compare("attention of " + rows + " rows", expected, attention(backend, scope, x), problems);
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
