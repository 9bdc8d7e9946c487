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
 * Decodes one token with a whole model of random weights, which is limited by memory bandwidth:
 * {@code gigabytes} is GB/s of weights. {@code -prof gc} shows that nothing is allocated.
 */
@Warmup(iterations = 4, time = 2)
@Measurement(iterations = 6, time = 2)
public class DecodeBenchmark extends BackendBenchmark {
  private static final int PROMPT = 16;

  /** Preset of the model. */
  @Param({"laptop-7M", "150M"})
  public String preset;

  /** Weight type. */
  @Param({"F32", "BF16", "Q8", "Q4"})
  public WeightType weights;

  /** Number of threads. */
  @Param({"2"})
  public int threads;

  private Backend backend;
  private TokenFormer model;
  private Session session;

  /** Weights read by one call; JMH turns this into a rate. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Rate {
    /** Gigabytes. */
    public double gigabytes;
  }

  /** Creates the model and prefills a prompt. */
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

  /** Decodes one token at a fixed depth. */
  @Benchmark
  public Tensor decode(Rate rate) {
    session.truncate(PROMPT);
    rate.gigabytes += model.weightBytes() / 1e9;
    return session.decode(1);
  }

  /** Frees all resources. */
  @TearDown(Level.Trial)
  public void close() {
    session.close();
    model.close();
    backend.close();
  }
}
