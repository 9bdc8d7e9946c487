package org.tokenformer.bench;

import java.lang.foreign.MemorySegment;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.model.Presets;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Times each {@link Kernel} at the sizes of a model's feed-forward Pattention. Its first result is
 * compared with that of the scalar backend. {@code gigaflop} is GFLOP/s; the machine's ceilings are
 * printed first. {@code -prof gc} adds the allocation rate.
 */
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 6, time = 1)
public class KernelBenchmark extends BackendBenchmark {
  /** Tolerance relative to the largest element: elements are sums of thousands of terms. */
  private static final double TOLERANCE = 1e-4;

  /** Kernel to time. */
  @Param public Kernel kernel;

  /** Backend that computes it. */
  @Param({"vector"})
  public String backend;

  /** Preset that defines the sizes. */
  @Param({"laptop-15M", "150M"})
  public String shape;

  /** Number of tokens. */
  @Param({"1", "16", "512"})
  public int tokens;

  /** Number of threads. */
  @Param({"1", "2"})
  public int threads;

  private Backend opened;
  private MemoryScope scope;
  private Kernel.Run run;

  /** Operations of one call; JMH turns this into a rate. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Rate {
    /** 10⁹ floating-point operations. */
    public double gigaflop;
  }

  /** Creates the operands and verifies the first result. */
  @Setup(Level.Trial)
  public void setup() {
    TokenFormerConfig config = Presets.get(shape);
    var sizes =
        new Kernel.Sizes(
            tokens, config.hiddenSize(), config.layers().getFirst().ffn(), config.heads());
    opened = Operands.open(backend, threads);
    scope = opened.openScope();
    run = kernel.on(sizes, opened, scope);
    run.run().run();
    try (Backend reference = Operands.open("scalar", 1);
        MemoryScope memory = reference.openScope()) {
      Kernel.Run expected = kernel.on(sizes, reference, memory);
      expected.run().run();
      verify(floats(reference, expected.result()), floats(opened, run.result()));
    }
    Operands.printCeilings(threads);
  }

  private static float[] floats(Backend backend, Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.shape().elements())];
    backend.download(tensor, MemorySegment.ofArray(values));
    return values;
  }

  private static void verify(float[] expected, float[] actual) {
    double largest = 0;
    double error = 0;
    for (int i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      error = Math.max(error, Math.abs(expected[i] - actual[i]));
    }
    if (!(error <= TOLERANCE * largest)) { // NaN fails as well
      throw new IllegalStateException(
          "result differs by " + error + ", with a largest element of " + largest);
    }
  }

  /** Runs the kernel. */
  @Benchmark
  public Tensor kernel(Rate rate) {
    run.run().run();
    rate.gigaflop += run.flops() / 1e9;
    return run.result();
  }

  /** Frees all resources. */
  @TearDown(Level.Trial)
  public void close() {
    scope.close();
    opened.close();
  }
}
