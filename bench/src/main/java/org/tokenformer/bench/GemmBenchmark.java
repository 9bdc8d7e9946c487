package org.tokenformer.bench;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Matrix products at the shapes of the 150M model, as the operations that consist of them: {@code
 * product} is one product with a table, {@code pattention} two with Θ between. {@code gigaflop} is
 * GFLOP/s; the ceiling is printed before.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 6, time = 1)
@Fork(
    value = 3,
    jvmArgsAppend = {
      "--add-modules",
      "jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-XX:Tier3DelayOn=1000"
    })
public class GemmBenchmark {
  /** Shape by the part of the model: parameter tokens × channels. */
  private static final Map<String, int[]> SHAPES =
      Map.of("qkv", new int[] {768, 768}, "ffn", new int[] {3072, 768});

  /** Part of the 150M model. */
  @Param({"qkv", "ffn"})
  public String part;

  /** Tokens in flight. */
  @Param({"128", "1024"})
  public int tokens;

  /** Threads. */
  @Param({"1", "2"})
  public int threads;

  private Backend backend;
  private MemoryScope scope;
  private Tensor x;
  private Tensor keys;
  private Tensor scores;
  private Tensor out;
  private ParameterTokens parameterTokens;
  private long flops;

  /** GFLOP of one call; JMH makes a rate of it. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Rate {
    /** GFLOP. */
    public double gigaflop;
  }

  /** Makes the operands. */
  @Setup(Level.Trial)
  public void setup() {
    int[] shape = SHAPES.get(part);
    backend = Operands.open("vector", threads);
    scope = backend.openScope();
    x = Operands.random(backend, scope, tokens, shape[1]);
    keys = Operands.random(backend, scope, shape[0], shape[1]);
    Tensor values = Operands.random(backend, scope, shape[0], shape[1]);
    scores = scope.allocate(DType.F32, Shape.of(tokens, shape[0]));
    out = scope.allocate(DType.F32, Shape.of(tokens, shape[1]));
    float tau = Theta.L2_NORM_GELU.defaultTau(shape[0]);
    parameterTokens = ParameterTokens.of(Theta.L2_NORM_GELU, tau, keys, values);
    flops = 2L * tokens * shape[0] * shape[1];
    Operands.printCeilings(threads);
  }

  /** One product: scores of all keys. */
  @Benchmark
  public Tensor product(Rate rate) {
    backend.logits(x, keys, scores);
    rate.gigaflop += flops / 1e9;
    return scores;
  }

  /** Two products and Θ. */
  @Benchmark
  public Tensor pattention(Rate rate) {
    backend.pattention(x, parameterTokens, out);
    rate.gigaflop += 2 * flops / 1e9;
    return out;
  }

  /** Frees all. */
  @TearDown(Level.Trial)
  public void close() {
    scope.close();
    backend.close();
  }
}
