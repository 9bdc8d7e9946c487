package org.tokenformer.engine.model;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.backend.vector.VectorBackend;
import org.tokenformer.engine.generate.Generation;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.engine.generate.TokenMask;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.testing.HeapUse;
import org.tokenformer.engine.testing.Models;

/** Steady decoding allocates almost nothing, on the calling thread and on the workers. */
final class DecodeAllocationTest {
  private static final long MAX_BYTES = 200; // per token
  private static final int TOKENS = 200; // per measurement
  private static final long BUDGET_NANOS = 60_000_000_000L;

  @Test
  void aTokenAllocatesLittle() throws Exception {
    double bytes = HeapUse.inOwnProcess(DecodeAllocationTest.class);
    System.out.printf("%.0f bytes of heap a token%n", bytes);
    assertTrue(bytes < MAX_BYTES, bytes + " bytes of heap a token");
  }

  /** Prints the heap bytes per decoded token, after JIT compilation. */
  public static void main(String[] args) {
    TokenFormerConfig config =
        Models.config(Theta.L2_NORM_GELU, List.of(new LayerSizes(24, 24, 96)), Map.of());
    long end = System.nanoTime() + BUDGET_NANOS;
    double best = Double.POSITIVE_INFINITY;
    try (Backend backend = new CheckedBackend(new VectorBackend(2));
        TokenFormer model = Models.open(config, backend, 1);
        Session session = model.newSession()) {
      // Warm up: before JIT compilation vectors are heap objects.
      while (!(best < MAX_BYTES) && System.nanoTime() < end) {
        session.truncate(0);
        Generation generation = new Generation(session, new int[] {1}, everything(), null);
        generation.advance();
        long before = HeapUse.allocatedBytes();
        for (int i = 0; i < TOKENS; i++) {
          generation.advance();
        }
        best = Math.min(best, (double) (HeapUse.allocatedBytes() - before) / TOKENS);
      }
    }
    System.out.println(best);
  }

  /** Chooses ids with all sampling features enabled. */
  private static GenerationOptions everything() {
    SamplingOptions sampling =
        new SamplingOptions(0.8, 10, 0.9, 0.01, 1.1, 0.5, 0.5, Map.of(3, 1.0), 1);
    return GenerationOptions.of(TOKENS + 2)
        .sampledBy(sampling)
        .withTopLogProbabilities(5)
        .maskedBy(NoThrees::new)
        .endingAt(3);
  }

  private static final class NoThrees implements TokenMask {
    @Override
    public void narrow(BitSet allowed) {
      allowed.clear(3);
    }

    @Override
    public void accept(int id) {}
  }
}
