package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Computes θ, in row-major order, from scores that {@link PattentionTask} saved. Pieces are panels
 * of tokens, each computed in the worker's own memory, since the scores must remain unchanged for a
 * backward pass.
 */
final class ThetasTask implements Workers.Task {
  private final Workers workers;
  private final Scratch scratch;
  private ParameterTokens tokens;
  private long saved; // scores of all rows, (panels, N, PANEL)
  private long out;
  private int rows;
  private int count;

  @SuppressWarnings("NullAway.Init") // every run sets the operands first
  ThetasTask(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  void run(ParameterTokens parameterTokens, SavedScores savedScores, Tensor thetas) {
    tokens = parameterTokens;
    saved = HostBuffer.addressOf(savedScores.scores());
    out = HostBuffer.addressOf(thetas);
    rows = Math.toIntExact(thetas.rows());
    count = Math.toIntExact(thetas.columns());
    workers.run(this);
  }

  @Override
  public void run(int worker) {
    long panel = scratch.local(worker, count * PANEL_BYTES + VECTOR_BYTES);
    long factors = panel + count * PANEL_BYTES;
    long own = scratch.packed(worker);
    for (int i = workers.next(); i * PANEL < rows; i = workers.next()) {
      int row = i * PANEL;
      int lanes = Math.min(PANEL, rows - row);
      for (int lane = 0; lane < lanes; lane += LANES) {
        long s = saved + 4L * row * count + 4L * lane;
        long theta = panel + 4L * lane;
        ThetaKernel.reducePanel(tokens.theta(), tokens.tau(), s, theta, count, factors, own);
        ThetaKernel.applyPanel(tokens.theta(), s, theta, count, factors);
      }
      Packing.unpack(panel, lanes, count, out + 4L * row * count, 4L * count);
    }
  }
}
