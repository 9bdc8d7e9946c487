package org.tokenformer.bench;

import java.lang.foreign.Arena;
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
import org.tokenformer.engine.model.Presets;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.RandomWeights;
import org.tokenformer.engine.tensor.Tensor;

/**
 * One token of a whole model with random weights, which is as fast as memory can be read: {@code
 * gigabytes} is GB/s of weights. Run it with {@code -prof gc} to see that nothing is allocated.
 */
@Warmup(iterations = 4, time = 2)
@Measurement(iterations = 6, time = 2)
public class DecodeBenchmark extends BackendBenchmark {
  private static final int PROMPT = 16;

  /** Size of the model. */
  @Param({"laptop-7M", "150M"})
  public String preset;

  /** Type of the weights. */
  @Param({"F32", "BF16", "Q8", "Q4"})
  public WeightType weights;

  /** Threads. */
  @Param({"2"})
  public int threads;

  private Backend backend;
  private TokenFormer model;
  private Session session;

  /** Bytes of weights of one call; JMH makes a rate of it. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Rate {
    /** GB. */
    public double gigabytes;
  }

  /** Makes the model. */
  @Setup(Level.Trial)
  public void setup() {
    TokenFormerConfig config = Presets.get(preset);
    Arena arena = Arena.ofAuto();
    backend = Operands.open("vector", threads);
    model =
        ModelLoader.load(
            config,
            RandomWeights.create(config, InitialValues.SCALED, weights, 1, arena),
            backend,
            () -> {});
    session = model.newSession();
    session.prefill(new int[PROMPT]);
    Operands.printCeilings(threads);
  }

  /** One token at a fixed depth. */
  @Benchmark
  public Tensor decode(Rate rate) {
    session.truncate(PROMPT);
    rate.gigabytes += model.weightBytes() / 1e9;
    return session.decode(1);
  }

  /** Frees all. */
  @TearDown(Level.Trial)
  public void close() {
    session.close();
    model.close();
    backend.close();
  }
}
