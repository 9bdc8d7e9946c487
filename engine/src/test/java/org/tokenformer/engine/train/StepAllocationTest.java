package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.backend.vector.VectorBackend;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.testing.HeapUse;

/** Steps allocate hardly any heap and no native memory. */
final class StepAllocationTest {
  private static final long MAX_BYTES =
      10 << 10; // per step: its metrics and small objects, no tensors
  private static final int STEPS = 50; // per measurement
  private static final long BUDGET_NANOS = 60_000_000_000L;

  @Test
  void aStepAllocatesLittle() throws Exception {
    double bytes = HeapUse.inOwnProcess(StepAllocationTest.class);
    System.out.printf("%.0f bytes of heap per step%n", bytes);
    assertTrue(bytes < MAX_BYTES, bytes + " bytes of heap per step");
  }

  /** Prints the bytes of heap that a step allocates once the code is compiled. */
  public static void main(String[] args) {
    long end = System.nanoTime() + BUDGET_NANOS;
    double best = Double.POSITIVE_INFINITY;
    try (Backend backend = new CheckedBackend(new VectorBackend(2));
        TrainableModel model = Runs.model(backend);
        Trainer trainer =
            new Trainer(
                model, TokenSource.of(Runs.pattern(500, 1)), Runs.options(1_000_000, 2, 0.1))) {
      long nativeBytes = HostScope.liveBytes();
      // Repeats until the code is compiled; until then vectors are heap objects.
      while (!(best < MAX_BYTES) && System.nanoTime() < end) {
        long before = HeapUse.allocatedBytes();
        for (int i = 0; i < STEPS; i++) {
          trainer.step(null);
        }
        best = Math.min(best, (double) (HeapUse.allocatedBytes() - before) / STEPS);
      }
      assertEquals(nativeBytes, HostScope.liveBytes());
    }
    System.out.println(best);
  }
}
