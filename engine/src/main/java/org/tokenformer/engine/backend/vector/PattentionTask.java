package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_VECTORS;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Dropout;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * One Pattention. Many tokens go in tiles, so that the scores of a tile stay in cache: panels of x,
 * scores, Θ, weighted sums, each phase cut by blocks of weights. One token streams keys and values.
 */
final class PattentionTask implements Workers.Task {
  /** Tokens in a tile: enough to pay for packing the weights once for all of them. */
  static final int TILE = 1024;

  /** Parameter tokens per piece of the second pass of Θ. */
  private static final int THETA_BLOCK = 256;

  /** Parameter tokens per piece for one token. Their sums are added in order, so it is fixed. */
  private static final int STREAM_BLOCK = 64;

  /** Columns per piece when those sums are added: whole cache lines, on any width. */
  private static final int COLUMN_BLOCK = 64;

  private final Workers workers;
  private final Scratch scratch;
  private ParameterTokens tokens;
  private Dropout dropout;
  private boolean streamed; // one token that nothing is learned from
  private long x;
  private long y;
  private int rows;
  private int channels;
  private int outputs;
  private int count;
  private long panels; // of x: (panels of a tile, C, PANEL)
  private long saved; // scores of all rows, (panels, N, PANEL), or 0
  private long thetas; // of a tile, (panels, N, PANEL); before, its scores if those are not saved
  private long factors; // (panels, PANEL)
  private long scores; // (N), for one token
  private long partialSums; // (blocks, C'), for one token

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
    streamed = rows == 1 && savedScores == null;
    if (streamed) {
      long scoreBytes = Simd.roundUp(count, STREAM_BLOCK) * 4L;
      int blocks = (count + STREAM_BLOCK - 1) / STREAM_BLOCK;
      scores = scratch.shared(scoreBytes + 4L * blocks * outputs);
      partialSums = scores + scoreBytes;
    } else {
      int tile = Simd.roundUp(Math.min(rows, TILE), PANEL);
      long panelBytes = 4L * tile * channels;
      long scoreBytes = 4L * tile * count;
      panels = scratch.shared(panelBytes + scoreBytes + 4L * tile);
      thetas = panels + panelBytes;
      factors = thetas + scoreBytes;
    }
    workers.run(this);
  }

  @Override
  public void run(int worker) {
    if (streamed) {
      oneToken(worker);
      return;
    }
    for (int first = 0; first < rows; first += TILE) {
      long s = saved == 0 ? thetas : saved + 4L * first * count;
      tile(worker, first, Math.min(TILE, rows - first), s);
      workers.barrier(worker);
    }
  }

  /**
   * Some rows.
   *
   * @param s where their scores go, (panels, N, PANEL)
   */
  private void tile(int worker, int first, int inTile, long s) {
    Packing.panels(workers, x + 4L * first * channels, channels, inTile, panels);
    workers.barrier(worker);
    score(worker, inTile, s);
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
      ThetaKernel.applyPanel(tokens.theta(), s + at, thetas + at, n, factor, own);
      if (!dropout.isNone()) {
        ThetaKernel.dropout(dropout, first + vector * LANES, thetas + at, row, n, own);
      }
    }
    workers.barrier(worker);
    weigh(worker, first, inTile);
  }

  /** Where a vector of tokens of the tile has its first score. */
  private long offsetOf(int vector) {
    return (long) (vector / PANEL_VECTORS) * count * PANEL_BYTES
        + (long) (vector % PANEL_VECTORS) * VECTOR_BYTES;
  }

  /** Scores of a tile: pieces are blocks of keys, segment after segment. */
  private void score(int worker, int inTile, long s) {
    List<ParameterTokens.Segment> segments = tokens.segments();
    long packed = scratch.packed(worker);
    int block = workers.next();
    int firstBlock = 0;
    int firstRow = 0;
    for (int i = 0; i < segments.size(); i++) {
      ParameterTokens.Segment segment = segments.get(i);
      int keys = Math.toIntExact(segment.rows());
      int blocks = (keys + Gemm.ROW_BLOCK - 1) / Gemm.ROW_BLOCK;
      boolean bf16 = segment.keys().dtype() == DType.BF16;
      long stride = (long) channels * segment.keys().dtype().bytes();
      long address = HostBuffer.addressOf(segment.keys());
      for (; block < firstBlock + blocks; block = workers.next()) {
        int row = (block - firstBlock) * Gemm.ROW_BLOCK;
        Gemm.timesRows(
            address + row * stride,
            stride,
            bf16,
            Math.min(Gemm.ROW_BLOCK, keys - row),
            channels,
            panels,
            channels * PANEL_BYTES,
            inTile,
            s + (firstRow + row) * PANEL_BYTES,
            count * PANEL_BYTES,
            packed);
      }
      firstBlock += blocks;
      firstRow += keys;
    }
  }

  /** Weighted sums of a tile: pieces are blocks of output channels, over all segments. */
  private void weigh(int worker, int first, int inTile) {
    List<ParameterTokens.Segment> segments = tokens.segments();
    long packed = scratch.packed(worker);
    int panelCount = (inTile + PANEL - 1) / PANEL;
    long resultStride = Gemm.ROW_BLOCK * PANEL_BYTES;
    long result = scratch.local(worker, panelCount * resultStride);
    int blocks = (outputs + Gemm.ROW_BLOCK - 1) / Gemm.ROW_BLOCK;
    for (int block = workers.next(); block < blocks; block = workers.next()) {
      int column = block * Gemm.ROW_BLOCK;
      int m = Math.min(Gemm.ROW_BLOCK, outputs - column);
      Simd.clear(result, panelCount * resultStride);
      int firstRow = 0;
      for (int s = 0; s < segments.size(); s++) {
        ParameterTokens.Segment segment = segments.get(s);
        DType dtype = segment.values().dtype();
        Gemm.timesColumns(
            HostBuffer.addressOf(segment.values()) + (long) column * dtype.bytes(),
            (long) outputs * dtype.bytes(),
            dtype == DType.BF16,
            m,
            Math.toIntExact(segment.rows()),
            thetas + firstRow * PANEL_BYTES,
            count * PANEL_BYTES,
            inTile,
            result,
            resultStride,
            packed);
        firstRow += Math.toIntExact(segment.rows());
      }
      long to = y + ((long) first * outputs + column) * 4;
      Packing.unpackAll(result, resultStride, inTile, m, to, 4L * outputs);
    }
  }

  /**
   * Blocks of parameter tokens are handed out, their positions counted over all segments and fixed:
   * keys and values are read as one stream each, and the sums of the blocks are added in their
   * order, whoever computed them.
   */
  private void oneToken(int worker) {
    long sums = scratch.packed(worker);
    int blocks = (count + STREAM_BLOCK - 1) / STREAM_BLOCK;
    for (int i = workers.next(); i < blocks; i = workers.next()) {
      scoreBlock(i * STREAM_BLOCK, Math.min(count, (i + 1) * STREAM_BLOCK), sums);
    }
    workers.barrier(worker);
    if (worker == 0) {
      ThetaKernel.applyRow(tokens.theta(), tokens.tau(), scores, count, sums);
    }
    workers.barrier(worker);
    for (int i = workers.next(); i < blocks; i = workers.next()) {
      long sum = partialSums + 4L * i * outputs;
      weighBlock(i * STREAM_BLOCK, Math.min(count, (i + 1) * STREAM_BLOCK), sum);
    }
    workers.barrier(worker);
    for (int i = workers.next(); i * COLUMN_BLOCK < outputs; i = workers.next()) {
      int column = i * COLUMN_BLOCK;
      int columns = Math.min(COLUMN_BLOCK, outputs - column);
      long to = y + 4L * column;
      Simd.clear(to, 4L * columns);
      for (int b = 0; b < blocks; b++) {
        RowKernels.add(partialSums + 4 * ((long) b * outputs + column), to, columns, to);
      }
    }
  }

  /** Scores of the parameter tokens {@code first} to {@code end} − 1. */
  private void scoreBlock(int first, int end, long sums) {
    List<ParameterTokens.Segment> segments = tokens.segments();
    int start = 0; // of the segment
    for (int s = 0; s < segments.size(); s++) {
      ParameterTokens.Segment segment = segments.get(s);
      int rows = Math.toIntExact(segment.rows());
      int from = Math.max(first, start);
      int to = Math.min(end, start + rows);
      if (from < to) {
        long stride = (long) channels * segment.keys().dtype().bytes();
        long keys = HostBuffer.addressOf(segment.keys()) + (from - start) * stride;
        boolean bf16 = segment.keys().dtype() == DType.BF16;
        Stream.dots(keys, stride, bf16, to - from, channels, x, scores + 4L * from, sums);
      }
      start += rows;
    }
  }

  /** What the parameter tokens {@code first} to {@code end} − 1 contribute. */
  private void weighBlock(int first, int end, long sum) {
    List<ParameterTokens.Segment> segments = tokens.segments();
    Simd.clear(sum, 4L * outputs);
    int start = 0;
    for (int s = 0; s < segments.size(); s++) {
      ParameterTokens.Segment segment = segments.get(s);
      int rows = Math.toIntExact(segment.rows());
      int from = Math.max(first, start);
      int to = Math.min(end, start + rows);
      if (from < to) {
        long stride = (long) outputs * segment.values().dtype().bytes();
        long values = HostBuffer.addressOf(segment.values()) + (from - start) * stride;
        boolean bf16 = segment.values().dtype() == DType.BF16;
        Stream.weightedSum(values, stride, bf16, to - from, scores + 4L * from, outputs, sum);
      }
      start += rows;
    }
  }
}
