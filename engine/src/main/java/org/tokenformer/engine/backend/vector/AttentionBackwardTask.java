package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;

import java.util.List;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Computes the backward pass of causal attention, one block of keys after another. The attention
 * weights are recomputed from the logarithms of their sums (FlashAttention, arXiv 2205.14135,
 * algorithm 4), so the T×T matrix never exists. A piece of work is one head of one sequence.
 */
final class AttentionBackwardTask implements Workers.Task {
  private final Workers workers;
  private final Scratch scratch;
  private Tensor query;
  private Tensor key;
  private Tensor value;
  private Tensor logSums;
  private Tensor out;
  private Tensor outGradient;
  private Tensor queryGradient;
  private Tensor keyGradient;
  private Tensor valueGradient;
  private List<Sequence> sequences;
  private int heads;
  private int size; // D
  private long stride; // bytes from row to row

  @SuppressWarnings("NullAway.Init") // every run sets the operands first
  AttentionBackwardTask(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  /** Runs {@code Backend.attentionBackward} on these operands. */
  void run(
      Tensor queries,
      Tensor keys,
      Tensor values,
      int headCount,
      List<Sequence> batch,
      Tensor logarithms,
      Tensor output,
      Tensor outputGradient,
      Tensor queriesGradient,
      Tensor keysGradient,
      Tensor valuesGradient) {
    query = queries;
    key = keys;
    value = values;
    heads = headCount;
    sequences = batch;
    logSums = logarithms;
    out = output;
    outGradient = outputGradient;
    queryGradient = queriesGradient;
    keyGradient = keysGradient;
    valueGradient = valuesGradient;
    size = Math.toIntExact(queries.columns() / headCount);
    stride = 4 * queries.columns();
    workers.run(this);
  }

  @Override
  public void run(int worker) {
    int piece = workers.next();
    int firstPiece = 0;
    int firstRow = 0;
    for (int s = 0; s < sequences.size(); s++) {
      int rows = sequences.get(s).rows();
      for (; piece < firstPiece + heads; piece = workers.next()) {
        head(worker, firstRow, rows, piece - firstPiece);
      }
      firstPiece += heads;
      firstRow += rows;
    }
  }

  private long at(Tensor tensor, int row, int head) {
    return HostBuffer.addressOf(tensor) + row * stride + 4L * head * size;
  }

  private void head(int worker, int firstRow, int rows, int head) {
    int panelCount = (rows + PANEL - 1) / PANEL;
    int padded = panelCount * PANEL;
    long headPanel = size * PANEL_BYTES;
    long scorePanel = AttentionTask.KEYS * PANEL_BYTES;
    long channelStride = padded * PANEL_BYTES;
    long channelBytes = (size + PANEL - 1) / PANEL * channelStride;
    // Panels of queries: q, dO and dq are (D, PANEL), p and ds (KEYS, PANEL).
    long q =
        scratch.local(
            worker, panelCount * (3 * headPanel + 2 * scorePanel) + 2 * channelBytes + 8L * padded);
    long gradient = q + panelCount * headPanel;
    long dq = gradient + panelCount * headPanel;
    long p = dq + panelCount * headPanel;
    long ds = p + panelCount * scorePanel;
    long qChannels = ds + panelCount * scorePanel;
    long gradientChannels = qChannels + channelBytes;
    long logarithms = gradientChannels + channelBytes;
    long deltas = logarithms + 4L * padded;
    float scale = (float) (1 / Math.sqrt(size));
    long queries = at(query, firstRow, head);
    long gradients = at(outGradient, firstRow, head);
    for (int i = 0; i < panelCount; i++) {
      int lanes = Math.min(PANEL, rows - i * PANEL);
      long skipped = (long) i * PANEL * stride;
      Packing.panel(queries + skipped, stride, lanes, size, scale, q + i * headPanel);
      Packing.panel(gradients + skipped, stride, lanes, size, 1, gradient + i * headPanel);
    }
    Packing.channelPanels(queries, stride, rows, size, scale, qChannels, channelStride);
    Packing.channelPanels(gradients, stride, rows, size, 1, gradientChannels, channelStride);
    Simd.clear(dq, panelCount * headPanel);
    rowConstants(firstRow, rows, padded, head, logarithms, deltas);
    long packed = scratch.packed(worker);
    WeightRows weights = scratch.weights(worker);
    for (int first = 0; first < rows; first += AttentionTask.KEYS) {
      int keys = Math.min(AttentionTask.KEYS, rows - first);
      int skippedPanels = first / PANEL; // they see no key of this block
      int tokens = rows - skippedPanels * PANEL;
      long skippedHead = skippedPanels * headPanel;
      long skippedScore = skippedPanels * scorePanel;
      long k = at(key, firstRow + first, head);
      long v = at(value, firstRow + first, head);
      weights.set(k, keys, size, stride);
      Gemm.timesRows(
          weights,
          0,
          keys,
          q + skippedHead,
          headPanel,
          tokens,
          p + skippedScore,
          scorePanel,
          packed);
      weights.set(v, keys, size, stride);
      Gemm.timesRows(
          weights,
          0,
          keys,
          gradient + skippedHead,
          headPanel,
          tokens,
          ds + skippedScore,
          scorePanel,
          packed);
      for (int lane = skippedPanels * PANEL; lane < rows; lane += LANES) {
        long vector = lane / PANEL * scorePanel + lane % PANEL * 4L;
        AttentionTask.hideFuture(p + vector, keys, first, lane);
        weights(p + vector, ds + vector, keys, logarithms + 4L * lane, deltas + 4L * lane, packed);
      }
      weights.set(k, keys, size, stride);
      for (int c = 0; c < size; c += Gemm.ROW_BLOCK) {
        int m = Math.min(Gemm.ROW_BLOCK, size - c);
        Gemm.timesColumns(
            weights,
            c,
            m,
            ds + skippedScore,
            scorePanel,
            tokens,
            dq + skippedHead + c * PANEL_BYTES,
            headPanel,
            true,
            packed);
      }
      long skippedRows = (long) skippedPanels * PANEL * PANEL_BYTES;
      Gemm.timesTokens(
          ds + skippedScore,
          scorePanel,
          keys,
          skippedPanels * PANEL,
          tokens,
          qChannels + skippedRows,
          channelStride,
          size,
          at(keyGradient, firstRow + first, head),
          stride,
          packed);
      Gemm.timesTokens(
          p + skippedScore,
          scorePanel,
          keys,
          skippedPanels * PANEL,
          tokens,
          gradientChannels + skippedRows,
          channelStride,
          size,
          at(valueGradient, firstRow + first, head),
          stride,
          packed);
    }
    long to = at(queryGradient, firstRow, head);
    Packing.addAll(dq, headPanel, rows, size, scale, to, stride);
  }

  /** Stores ln Σexp and dO·O of each row, and zeros on the lanes after the last row. */
  private void rowConstants(
      int firstRow, int rows, int padded, int head, long logarithms, long deltas) {
    Simd.clear(logarithms, 4L * padded);
    Simd.clear(deltas, 4L * padded);
    for (int i = 0; i < rows; i++) {
      long o = at(out, firstRow + i, head);
      long gradient = at(outGradient, firstRow + i, head);
      float delta = 0;
      for (int c = 0; c < size; c++) {
        delta = Math.fma(Simd.get(o + 4L * c), Simd.get(gradient + 4L * c), delta);
      }
      long from = HostBuffer.addressOf(logSums) + 4L * ((long) (firstRow + i) * heads + head);
      Simd.set(logarithms + 4L * i, Simd.get(from));
      Simd.set(deltas + 4L * i, delta);
    }
  }

  /**
   * Processes one block of keys for one vector of queries: scores become weights p, and their
   * gradients p·(dp − dO·O).
   *
   * @param unused scratch of one vector
   */
  private static void weights(
      long scores, long gradients, int keys, long logarithms, long deltas, long unused) {
    VectorMath.exp(scores, PANEL_BYTES, keys, logarithms, scores, PANEL_BYTES, unused);
    VectorMath.softmaxBackward(gradients, scores, PANEL_BYTES, keys, deltas);
  }
}
