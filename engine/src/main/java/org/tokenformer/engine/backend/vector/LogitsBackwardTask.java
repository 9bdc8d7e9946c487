package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;

import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Computes the backward pass of the product with the embedding table: dx = dlogits·E, dE =
 * dlogitsᵀ·x.
 */
final class LogitsBackwardTask implements Workers.Task {
  private final Workers workers;
  private final Scratch scratch;
  private final WeightRows table = new WeightRows();
  private long x;
  private long outGradient;
  private long xGradient;
  private long tableGradient;
  private int rows;
  private int channels;
  private int vocabulary;
  private long panels; // of dlogits: (panels of a tile, V, PANEL)
  private long xChannels; // (panels of C, TILE, PANEL)
  private long channelStride;

  LogitsBackwardTask(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  void run(
      Tensor input,
      Tensor embeddings,
      Tensor outputGradient,
      Tensor inputGradient,
      @Nullable Tensor embeddingsGradient) {
    table.set(embeddings);
    x = HostBuffer.addressOf(input);
    outGradient = HostBuffer.addressOf(outputGradient);
    xGradient = HostBuffer.addressOf(inputGradient);
    tableGradient = embeddingsGradient == null ? 0 : HostBuffer.addressOf(embeddingsGradient);
    rows = Math.toIntExact(input.rows());
    channels = Math.toIntExact(input.columns());
    vocabulary = table.rows();
    int tile = Simd.roundUp(Math.min(rows, PattentionTask.TILE), PANEL);
    channelStride = tile * PANEL_BYTES;
    long panelBytes = 4L * tile * vocabulary;
    panels = scratch.shared(panelBytes + 4L * tile * Simd.roundUp(channels, PANEL));
    xChannels = panels + panelBytes;
    workers.run(this);
  }

  @Override
  public void run(int worker) {
    for (int first = 0; first < rows; first += PattentionTask.TILE) {
      int inTile = Math.min(PattentionTask.TILE, rows - first);
      pack(first, inTile);
      workers.barrier(worker);
      multiply(worker, first, inTile);
      workers.barrier(worker);
    }
  }

  /** Packs the operands. A panel is V wide, so pieces are blocks of its columns. */
  private void pack(int first, int inTile) {
    int panelCount = (inTile + PANEL - 1) / PANEL;
    int blocks = (vocabulary + Gemm.ROW_BLOCK - 1) / Gemm.ROW_BLOCK;
    int piece = workers.next();
    for (; piece < panelCount * blocks; piece = workers.next()) {
      int row = piece / blocks * PANEL;
      int column = piece % blocks * Gemm.ROW_BLOCK;
      long from = outGradient + ((long) (first + row) * vocabulary + column) * 4;
      int lanes = Math.min(PANEL, inTile - row);
      int m = Math.min(Gemm.ROW_BLOCK, vocabulary - column);
      long to = panels + ((long) (row / PANEL) * vocabulary + column) * PANEL_BYTES;
      Packing.panel(from, 4L * vocabulary, lanes, m, 1, to);
    }
    int last = panelCount * (tableGradient == 0 ? blocks : blocks + 1);
    for (; piece < last; piece = workers.next()) {
      int row = (piece - panelCount * blocks) * PANEL;
      long from = x + 4L * (first + row) * channels;
      int lanes = Math.min(PANEL, inTile - row);
      long to = xChannels + row * PANEL_BYTES;
      Packing.channelPanels(from, 4L * channels, lanes, channels, 1, to, channelStride);
    }
  }

  private void multiply(int worker, int first, int inTile) {
    long packed = scratch.packed(worker);
    int panelCount = (inTile + PANEL - 1) / PANEL;
    long resultStride = Gemm.ROW_BLOCK * PANEL_BYTES;
    long result = scratch.local(worker, panelCount * resultStride);
    long panelStride = vocabulary * PANEL_BYTES;
    int columnBlocks = (channels + Gemm.ROW_BLOCK - 1) / Gemm.ROW_BLOCK;
    int rowBlocks = tableGradient == 0 ? 0 : (vocabulary + Gemm.ROW_BLOCK - 1) / Gemm.ROW_BLOCK;
    int piece = workers.next();
    for (; piece < columnBlocks; piece = workers.next()) {
      int column = piece * Gemm.ROW_BLOCK;
      int m = Math.min(Gemm.ROW_BLOCK, channels - column);
      Gemm.timesColumns(
          table, column, m, panels, panelStride, inTile, result, resultStride, false, packed);
      long to = xGradient + ((long) first * channels + column) * 4;
      Packing.addAll(result, resultStride, inTile, m, 1, to, 4L * channels);
    }
    long stride = 4L * channels;
    for (; piece < columnBlocks + rowBlocks; piece = workers.next()) {
      int row = (piece - columnBlocks) * Gemm.ROW_BLOCK;
      int m = Math.min(Gemm.ROW_BLOCK, vocabulary - row);
      long a = panels + row * PANEL_BYTES;
      long to = tableGradient + row * stride;
      Gemm.timesTokens(
          a, panelStride, m, 0, inTile, xChannels, channelStride, channels, to, stride, packed);
    }
  }
}
