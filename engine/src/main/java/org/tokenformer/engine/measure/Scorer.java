package org.tokenformer.engine.measure;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** How well a model predicts given ids: the loss at every position of a window. One thread. */
public final class Scorer implements AutoCloseable {
  private final Session session;
  private final Backend backend;
  private final MemoryScope scope;
  private final Tensor losses; // (window)

  /**
   * A scorer for windows of that many positions at most.
   *
   * @throws IllegalStateException if the model is closed
   */
  public Scorer(TokenFormer model, int window) {
    session = model.newSession(window, DType.F32);
    backend = model.backend();
    scope = backend.openScope();
    losses = scope.allocate(DType.F32, Shape.of(window));
  }

  /**
   * Negative natural log-probabilities of {@code ids[from + 1 … from + count]}, each given those of
   * the window before it, which starts at {@code from}.
   *
   * @return count losses
   * @throws java.util.concurrent.CancellationException if cancelled
   */
  public float[] losses(int[] ids, int from, int count, @Nullable Cancellation cancellation) {
    session.truncate(0);
    int[] inputs = Arrays.copyOfRange(ids, from, from + count);
    float[] result = new float[count];
    session.logits(
        inputs,
        (first, logits) -> {
          int rows = Math.toIntExact(logits.rows());
          Tensor part = losses.view(Shape.of(rows));
          backend.crossEntropy(logits, ids, from + first + 1, part);
          float[] chunk = new float[rows];
          backend.download(part, MemorySegment.ofArray(chunk));
          System.arraycopy(chunk, 0, result, first, rows);
        },
        cancellation);
    return result;
  }

  @Override
  public void close() {
    session.close();
    scope.close();
  }
}
