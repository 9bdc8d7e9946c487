package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_VECTORS;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Dropout;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Computes a Pattention of many tokens, in tiles of tokens whose scores stay in cache. The phases
 * are packing x into panels, scores, Θ and weighted sums; each is divided among the workers.
 */
final class PattentionTask implements Workers.Task {
  /** Tokens per tile, enough to pay for packing the weights once for all of them. */
  static final int TILE = 1024;

  /** Parameter tokens per piece of the second pass of Θ. */
  private static final int THETA_BLOCK = 256;

  private final Workers workers;
  private final Scratch scratch;
  private final WeightRows keys = new WeightRows();
  private final WeightRows values = new WeightRows();
  private ParameterTokens tokens;
  private Dropout dropout;
  private long x;
  private long y;
  private int rows;
  private int channels;
  private int outputs;
  private int count;
  private long panels; // of x: (panels of a tile, C, PANEL)
  private long saved; // scores of all rows, (panels, N, PANEL), or 0
  private long thetas; // of a tile, (panels, N, PANEL); first its scores, if those are not saved
  private long factors; // (panels, PANEL)

  @SuppressWarnings("NullAway.Init") // every run sets the operands first
  PattentionTask(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  void run(
      Tensor input,
      ParameterTokens parameterTokens,
      @Nullable SavedScores savedScores,
      Tensor output) {
    tokens = parameterTokens;
    dropout = savedScores == null ? Dropout.NONE : savedScores.dropout();
    saved = savedScores == null ? 0 : HostBuffer.addressOf(savedScores.scores());
    rows = Math.toIntExact(input.rows());
    channels = Math.toIntExact(input.columns());
    outputs = Math.toIntExact(output.columns());
    count = Math.toIntExact(parameterTokens.count());
    x = HostBuffer.addressOf(input);
    y = HostBuffer.addressOf(output);
    keys.setKeys(parameterTokens);
    values.setValues(parameterTokens);
    int tile = Simd.roundUp(Math.min(rows, TILE), PANEL);
    long panelBytes = 4L * tile * channels;
    long scoreBytes = 4L * tile * count;
    panels = scratch.shared(panelBytes + scoreBytes + 4L * tile);
    thetas = panels + panelBytes;
    factors = thetas + scoreBytes;
    workers.run(this);
  }

  @Override
  public void run(int worker) {
    for (int first = 0; first < rows; first += TILE) {
      long s = saved == 0 ? thetas : saved + 4L * first * count;
      tile(worker, first, Math.min(TILE, rows - first), s);
      workers.barrier(worker);
    }
  }

  /**
   * Processes one tile of rows.
   *
   * @param s where their scores go, (panels, N, PANEL)
   */
  private void tile(int worker, int first, int inTile, long s) {
    Packing.panels(workers, x + 4L * first * channels, channels, inTile, panels);
    workers.barrier(worker);
    scores(worker, inTile, s);
    workers.barrier(worker);
    int vectors = (inTile + LANES - 1) / LANES;
    long own = scratch.packed(worker);
    for (int i = workers.next(); i < vectors; i = workers.next()) {
      long at = offsetOf(i);
      long factor = factors + i * VECTOR_BYTES;
      ThetaKernel.reducePanel(
          tokens.theta(), tokens.tau(), s + at, thetas + at, count, factor, own);
    }
    workers.barrier(worker);
    int blocks = (count + THETA_BLOCK - 1) / THETA_BLOCK;
    for (int i = workers.next(); i < vectors * blocks; i = workers.next()) {
      int row = i % blocks * THETA_BLOCK;
      int vector = i / blocks;
      long at = offsetOf(vector) + row * PANEL_BYTES;
      int n = Math.min(THETA_BLOCK, count - row);
      long factor = factors + vector * VECTOR_BYTES;
      ThetaKernel.applyPanel(tokens.theta(), s + at, thetas + at, n, factor);
      if (!dropout.isNone()) {
        ThetaKernel.dropout(dropout, first + vector * LANES, thetas + at, row, n, own);
      }
    }
    workers.barrier(worker);
    weightedSums(worker, first, inTile);
  }

  /** Returns the byte offset of the first score of a vector of the tile's tokens. */
  private long offsetOf(int vector) {
    return (long) (vector / PANEL_VECTORS) * count * PANEL_BYTES
        + (long) (vector % PANEL_VECTORS) * VECTOR_BYTES;
  }

  /** Computes the scores of a tile; pieces are blocks of keys. */
  private void scores(int worker, int inTile, long s) {
    long packed = scratch.packed(worker);
    long panelStride = channels * PANEL_BYTES;
    int piece = Gemm.piece(count, Tile.ROWS, workers.threads());
    for (int row = workers.next() * piece; row < count; row = workers.next() * piece) {
      int m = Math.min(piece, count - row);
      long to = s + row * PANEL_BYTES;
      Gemm.timesRows(keys, row, m, panels, panelStride, inTile, to, count * PANEL_BYTES, packed);
    }
  }

  /** Computes the weighted sums of a tile; pieces are blocks of output channels. */
  private void weightedSums(int worker, int first, int inTile) {
    long packed = scratch.packed(worker);
    int panelCount = (inTile + PANEL - 1) / PANEL;
    int piece = Gemm.piece(outputs, Tile.ROWS, workers.threads());
    long resultStride = piece * PANEL_BYTES;
    long result = scratch.local(worker, panelCount * resultStride);
    for (int column = workers.next() * piece; column < outputs; column = workers.next() * piece) {
      int m = Math.min(piece, outputs - column);
      Gemm.timesColumns(
          values,
          column,
          m,
          thetas,
          count * PANEL_BYTES,
          inTile,
          result,
          resultStride,
          false,
          packed);
      long to = y + ((long) first * outputs + column) * 4;
      Packing.unpackAll(result, resultStride, inTile, m, to, 4L * outputs);
    }
  }
}
