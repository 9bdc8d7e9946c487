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
 * Each {@link Kernel} by itself, at the sizes of a model's feed-forward part. Before it is timed
 * its result is compared with that of the scalar backend. {@code gigaflop} is GFLOP/s; the ceiling
 * is printed before. {@code -prof gc} adds what it allocates.
 */
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 6, time = 1)
public class KernelBenchmark extends BackendBenchmark {
  /** Of the largest number of a result, what others may be off: they are sums of thousands. */
  private static final double TOLERANCE = 1e-4;

  /** What is timed. */
  @Param public Kernel kernel;

  /** What computes it. */
  @Param({"vector"})
  public String backend;

  /** Preset whose sizes it has. */
  @Param({"laptop-15M", "150M"})
  public String shape;

  /** Tokens in flight. */
  @Param({"1", "16", "512"})
  public int tokens;

  /** Threads. */
  @Param({"1", "2"})
  public int threads;

  private Backend opened;
  private MemoryScope scope;
  private Kernel.Run run;

  /** GFLOP of one call; JMH makes a rate of it. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Rate {
    /** GFLOP. */
    public double gigaflop;
  }

  /** Makes the operands and verifies the first result. */
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
    if (!(error <= TOLERANCE * largest)) { // NaN is wrong too
      throw new IllegalStateException("differs by " + error + " of " + largest);
    }
  }

  /** The kernel. */
  @Benchmark
  public Tensor kernel(Rate rate) {
    run.run().run();
    rate.gigaflop += run.flops() / 1e9;
    return run.result();
  }

  /** Frees all. */
  @TearDown(Level.Trial)
  public void close() {
    scope.close();
    opened.close();
  }
}
