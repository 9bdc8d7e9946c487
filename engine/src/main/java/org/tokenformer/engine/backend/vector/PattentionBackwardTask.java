package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_VECTORS;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import java.util.List;
import org.tokenformer.engine.backend.Dropout;
import org.tokenformer.engine.backend.ParameterGradients;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Computes the backward pass of one Pattention, in tiles of tokens: dθ = dy·Wᵀ; then back through Θ
 * to ds, recomputing θ; then dx = ds·K, dK = dsᵀ·x and dW = θᵀ·dy in one phase. Sums over tokens
 * are accumulated from tile to tile, so each weight adds the tokens in their order.
 */
final class PattentionBackwardTask implements Workers.Task {
  private final Workers workers;
  private final Scratch scratch;
  private final WeightRows keys = new WeightRows();
  private final WeightRows values = new WeightRows();
  private ParameterTokens tokens;
  private ParameterGradients gradients;
  private Dropout dropout;
  private long x;
  private long outGradient;
  private long xGradient;
  private long saved; // scores of all rows, (panels, N, PANEL)
  private int rows;
  private int channels;
  private int outputs;
  private int count;
  private long panels; // of dy: (panels of a tile, C', PANEL)
  private long xChannels; // (panels of C, TILE, PANEL)
  private long outChannels; // (panels of C', TILE, PANEL)
  private long channelStride;
  private long ds; // (panels of a tile, N, PANEL); holds dθ first
  private long thetas; // likewise

  @SuppressWarnings("NullAway.Init") // every run sets the operands first
  PattentionBackwardTask(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  void run(
      Tensor input,
      ParameterTokens parameterTokens,
      SavedScores savedScores,
      Tensor outputGradient,
      ParameterGradients parameterGradients,
      Tensor inputGradient) {
    tokens = parameterTokens;
    gradients = parameterGradients;
    keys.setKeys(parameterTokens);
    values.setValues(parameterTokens);
    dropout = savedScores.dropout();
    x = HostBuffer.addressOf(input);
    outGradient = HostBuffer.addressOf(outputGradient);
    xGradient = HostBuffer.addressOf(inputGradient);
    saved = HostBuffer.addressOf(savedScores.scores());
    rows = Math.toIntExact(input.rows());
    channels = Math.toIntExact(input.columns());
    outputs = Math.toIntExact(outputGradient.columns());
    count = Math.toIntExact(parameterTokens.count());
    int tile = Simd.roundUp(Math.min(rows, PattentionTask.TILE), PANEL);
    channelStride = tile * PANEL_BYTES;
    long panelBytes = 4L * tile * outputs;
    long xBytes = 4L * tile * Simd.roundUp(channels, PANEL);
    long outBytes = 4L * tile * Simd.roundUp(outputs, PANEL);
    long scoreBytes = 4L * tile * count;
    panels = scratch.shared(panelBytes + xBytes + outBytes + 2 * scoreBytes);
    xChannels = panels + panelBytes;
    outChannels = xChannels + xBytes;
    ds = outChannels + outBytes;
    thetas = ds + scoreBytes;
    workers.run(this);
  }

  @Override
  public void run(int worker) {
    for (int first = 0; first < rows; first += PattentionTask.TILE) {
      tile(worker, first, Math.min(PattentionTask.TILE, rows - first));
      workers.barrier(worker);
    }
  }

  private void tile(int worker, int first, int inTile) {
    pack(first, inTile);
    workers.barrier(worker);
    thetaGradient(worker, inTile);
    workers.barrier(worker);
    long own = scratch.packed(worker);
    int vectors = (inTile + LANES - 1) / LANES;
    for (int i = workers.next(); i < vectors; i = workers.next()) {
      long at =
          (long) (i / PANEL_VECTORS) * count * PANEL_BYTES
              + (long) (i % PANEL_VECTORS) * VECTOR_BYTES;
      long s = saved + 4L * first * count + at;
      int row = first + i * LANES;
      if (!dropout.isNone()) {
        ThetaKernel.dropout(dropout, row, ds + at, 0, count, own);
      }
      ThetaKernel.backwardPanel(tokens.theta(), tokens.tau(), s, ds + at, thetas + at, count, own);
      if (!dropout.isNone()) {
        ThetaKernel.dropout(dropout, row, thetas + at, 0, count, own);
      }
    }
    workers.barrier(worker);
    inputGradient(worker, first, inTile);
  }

  private void pack(int first, int inTile) {
    long dy = outGradient + 4L * first * outputs;
    for (int i = workers.next(); i * PANEL < inTile; i = workers.next()) {
      int row = i * PANEL;
      int lanes = Math.min(PANEL, inTile - row);
      long rowsOfDy = dy + 4L * row * outputs;
      long rowsOfX = x + 4L * (first + row) * channels;
      Packing.panel(
          rowsOfDy, 4L * outputs, lanes, outputs, 1, panels + (long) i * outputs * PANEL_BYTES);
      long skipped = row * PANEL_BYTES;
      Packing.channelPanels(
          rowsOfDy, 4L * outputs, lanes, outputs, 1, outChannels + skipped, channelStride);
      Packing.channelPanels(
          rowsOfX, 4L * channels, lanes, channels, 1, xChannels + skipped, channelStride);
    }
  }

  /** Computes dθ = dy·Wᵀ; pieces are blocks of values. */
  private void thetaGradient(int worker, int inTile) {
    long packed = scratch.packed(worker);
    long panelStride = outputs * PANEL_BYTES;
    int piece = Gemm.piece(count, Tile.ROWS, workers.threads());
    for (int row = workers.next() * piece; row < count; row = workers.next() * piece) {
      int m = Math.min(piece, count - row);
      long to = ds + row * PANEL_BYTES;
      Gemm.timesRows(values, row, m, panels, panelStride, inTile, to, count * PANEL_BYTES, packed);
    }
  }

  /**
   * Computes dx += ds·K; pieces are blocks of channels. Higher piece numbers belong to {@link
   * #weightGradients}.
   */
  private void inputGradient(int worker, int first, int inTile) {
    long packed = scratch.packed(worker);
    int panelCount = (inTile + PANEL - 1) / PANEL;
    int piece = Gemm.piece(channels, Tile.ROWS, workers.threads());
    long resultStride = piece * PANEL_BYTES;
    long result = scratch.local(worker, panelCount * resultStride);
    int blocks = (channels + piece - 1) / piece;
    int block = workers.next();
    for (; block < blocks; block = workers.next()) {
      int column = block * piece;
      int m = Math.min(piece, channels - column);
      Gemm.timesColumns(
          keys, column, m, ds, count * PANEL_BYTES, inTile, result, resultStride, false, packed);
      long to = xGradient + ((long) first * channels + column) * 4;
      Packing.addAll(result, resultStride, inTile, m, 1, to, 4L * channels);
    }
    weightGradients(worker, inTile, blocks, block);
  }

  /**
   * Computes dK += dsᵀ·x and dW += θᵀ·dy; pieces are blocks of parameter tokens, alternately keys
   * and values.
   */
  private void weightGradients(int worker, int inTile, int piecesBefore, int firstPiece) {
    List<ParameterTokens.Segment> segments = tokens.segments();
    long packed = scratch.packed(worker);
    int piece = firstPiece;
    int start = piecesBefore; // the segment's first piece
    int firstRow = 0;
    for (int s = 0; s < segments.size(); s++) {
      int count0 = Math.toIntExact(segments.get(s).rows());
      int rowsOfPiece = Gemm.piece(count0, Tile.ROWS, workers.threads());
      int blocks = (count0 + rowsOfPiece - 1) / rowsOfPiece;
      Tensor dK = gradients.segments().get(s).keys();
      Tensor dW = gradients.segments().get(s).values();
      if (dK != null && dW != null) {
        for (; piece < start + 2 * blocks; piece = workers.next()) {
          int row = (piece - start) / 2 * rowsOfPiece;
          int m = Math.min(rowsOfPiece, count0 - row);
          long at = (firstRow + row) * PANEL_BYTES;
          if ((piece - start) % 2 == 0) {
            weightGradient(ds + at, m, inTile, xChannels, channels, dK, row, packed);
          } else {
            weightGradient(thetas + at, m, inTile, outChannels, outputs, dW, row, packed);
          }
        }
        start += 2 * blocks;
      }
      firstRow += count0;
    }
  }

  private void weightGradient(
      long a, int m, int inTile, long b, int columns, Tensor gradient, int row, long packed) {
    long stride = 4L * columns;
    long to = HostBuffer.addressOf(gradient) + row * stride;
    long panelStride = count * PANEL_BYTES;
    Gemm.timesTokens(a, panelStride, m, 0, inTile, b, channelStride, columns, to, stride, packed);
  }
}
