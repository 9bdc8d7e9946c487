package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_VECTORS;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import java.util.List;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.KeyValueCache;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Causal attention of a batch of sequences. Keys and values of the past are to a row of queries
 * what parameter tokens are to a Pattention, so the same kernels serve: panels of queries against
 * blocks of keys, with a running maximum and sum (as in FlashAttention, arXiv 2205.14135), and for
 * a single query the streaming form with Θ = softmax. The T×T matrix never exists.
 */
final class AttentionTask implements Workers.Task {
  /** Queries that share the packed keys and values of one block. */
  private static final int QUERIES = Math.max(128, PANEL);

  /**
   * Keys in a block, whole tiles; blocks begin at fixed positions, so that chunking a prompt
   * changes no bit.
   */
  static final int KEYS = 16 * Tile.ROWS;

  private static final int ROWS_PER_COPY = 16;

  private final Workers workers;
  private final Scratch scratch;
  private Tensor queries;
  private Tensor newKeys;
  private Tensor newValues;
  private Tensor out;
  private long logSums; // (T, H), or 0
  private List<Sequence> sequences;
  private int layer;
  private int heads;
  private int channels;
  private int size; // D: channels of a head

  @SuppressWarnings("NullAway.Init") // every run sets the operands first
  AttentionTask(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  void run(
      Tensor query,
      Tensor key,
      Tensor value,
      int headCount,
      int cacheLayer,
      List<Sequence> batch,
      @Nullable Tensor logarithms,
      Tensor output) {
    queries = query;
    newKeys = key;
    newValues = value;
    out = output;
    logSums = logarithms == null ? 0 : HostBuffer.addressOf(logarithms);
    sequences = batch;
    layer = cacheLayer;
    heads = headCount;
    channels = Math.toIntExact(query.columns());
    size = channels / headCount;
    workers.run(this);
  }

  @Override
  public void run(int worker) {
    append();
    workers.barrier(worker);
    int piece = workers.next();
    int firstPiece = 0;
    int firstRow = 0;
    for (int s = 0; s < sequences.size(); s++) {
      Sequence sequence = sequences.get(s);
      int tiles = (sequence.rows() + QUERIES - 1) / QUERIES;
      int pieces = tiles * heads;
      for (; piece < firstPiece + pieces; piece = workers.next()) {
        int head = (piece - firstPiece) % heads;
        // The last tile sees most keys: it goes first, and the small ones fill the gaps.
        int tile = tiles - 1 - (piece - firstPiece) / heads;
        attend(worker, sequence, firstRow, head, tile * QUERIES);
      }
      firstPiece += pieces;
      firstRow += sequence.rows();
    }
  }

  /** Copies the new rows into the caches. */
  private void append() {
    int piece = workers.next();
    int firstPiece = 0;
    int firstRow = 0;
    for (int s = 0; s < sequences.size(); s++) {
      Sequence sequence = sequences.get(s);
      KeyValueCache cache = sequence.cache();
      int pieces = (sequence.rows() + ROWS_PER_COPY - 1) / ROWS_PER_COPY;
      for (; piece < firstPiece + pieces; piece = workers.next()) {
        int row = (piece - firstPiece) * ROWS_PER_COPY;
        int rows = Math.min(ROWS_PER_COPY, sequence.rows() - row);
        if (cache != null) {
          int position = sequence.start() + row;
          store(newKeys, firstRow + row, rows, cache.keys().get(layer), position);
          store(newValues, firstRow + row, rows, cache.values().get(layer), position);
        }
      }
      firstPiece += pieces;
      firstRow += sequence.rows();
    }
  }

  private void store(Tensor from, int row, int rows, Tensor cache, int position) {
    long source = HostBuffer.addressOf(from) + 4L * row * channels;
    long elements = (long) rows * channels;
    long start = (long) position * channels;
    if (cache.dtype() == DType.BF16) {
      RowKernels.narrow(source, elements, HostBuffer.addressOf(cache) + 2 * start);
    } else {
      Simd.copy(source, HostBuffer.addressOf(cache) + 4 * start, 4 * elements);
    }
  }

  private void attend(int worker, Sequence sequence, int firstRow, int head, int tile) {
    KeyValueCache cache = sequence.cache();
    Tensor keys = cache == null ? newKeys : cache.keys().get(layer);
    Tensor values = cache == null ? newValues : cache.values().get(layer);
    boolean bf16 = keys.dtype() == DType.BF16;
    int elementBytes = keys.dtype().bytes();
    long stride = (long) channels * elementBytes;
    long skipped = (cache == null ? firstRow : 0) * stride + (long) head * size * elementBytes;
    long k = HostBuffer.addressOf(keys) + skipped;
    long v = HostBuffer.addressOf(values) + skipped;
    long firstElement = (long) (firstRow + tile) * channels + (long) head * size;
    long q = HostBuffer.addressOf(queries) + 4 * firstElement;
    long to = HostBuffer.addressOf(out) + 4 * firstElement;
    if (sequence.rows() == 1 && logSums == 0) {
      oneQuery(worker, q, k, v, stride, bf16, sequence.start() + 1, to);
    } else {
      int rows = Math.min(QUERIES, sequence.rows() - tile);
      long sums = logSums == 0 ? 0 : logSums + 4L * ((long) (firstRow + tile) * heads + head);
      manyQueries(worker, q, rows, sequence.start() + tile, k, v, stride, bf16, sums, to);
    }
  }

  private void oneQuery(
      int worker, long q, long k, long v, long stride, boolean bf16, int seen, long to) {
    long sums = scratch.packed(worker);
    long scaled = scratch.local(worker, 4L * size + 4L * Simd.roundUp(seen, LANES));
    long scores = scaled + 4L * size;
    float scale = scale();
    for (int c = 0; c < size; c++) {
      Simd.set(scaled + 4L * c, scale * Simd.get(q + 4L * c));
    }
    Stream.dots(k, stride, bf16, seen, size, scaled, scores, sums);
    ThetaKernel.applyRow(Theta.SOFTMAX, 1, scores, seen, sums);
    Simd.clear(to, 4L * size);
    Stream.weightedSum(v, stride, bf16, seen, scores, size, to);
  }

  private float scale() {
    return (float) (1 / Math.sqrt(size));
  }

  /**
   * A tile of queries of one head over all keys that its last query sees.
   *
   * @param start position of the first query
   * @param logarithms where the logarithm of the first query's sum goes, or 0
   */
  private void manyQueries(
      int worker,
      long q,
      int rows,
      int start,
      long k,
      long v,
      long stride,
      boolean bf16,
      long logarithms,
      long to) {
    int panelCount = (rows + PANEL - 1) / PANEL;
    long headPanel = size * PANEL_BYTES;
    long scorePanel = KEYS * PANEL_BYTES;
    long packed = scratch.packed(worker);
    WeightRows weights = scratch.weights(worker);
    long panels =
        scratch.local(worker, panelCount * (2 * headPanel + scorePanel + 2 * PANEL_BYTES));
    long sums = panels + panelCount * headPanel;
    long scores = sums + panelCount * headPanel;
    long maxima = scores + panelCount * scorePanel;
    long totals = maxima + panelCount * PANEL_BYTES;
    for (int i = 0; i < panelCount; i++) {
      int lanes = Math.min(PANEL, rows - i * PANEL);
      long from = q + 4L * i * PANEL * channels;
      Packing.panel(from, 4L * channels, lanes, size, scale(), panels + i * headPanel);
    }
    Simd.clear(sums, panelCount * headPanel);
    Simd.clear(totals, panelCount * PANEL_BYTES);
    Simd.fill(maxima, panelCount * PANEL, Float.NEGATIVE_INFINITY);
    for (int key = 0; key < start + rows; key += KEYS) {
      int keys = Math.min(KEYS, start + rows - key);
      int blind = Math.max(0, key - start) / PANEL; // panels whose queries see none of this block
      int tokens = rows - blind * PANEL;
      long p = panels + blind * headPanel;
      long s = scores + blind * scorePanel;
      weights.set(k + key * stride, keys, size, stride, bf16);
      Gemm.timesRows(weights, 0, keys, p, headPanel, tokens, s, scorePanel, packed);
      for (int i = blind; i < panelCount; i++) {
        for (int vector = 0; vector < PANEL_VECTORS; vector++) {
          int lane = i * PANEL + vector * LANES;
          if (lane < rows) {
            long score = scores + i * scorePanel + vector * VECTOR_BYTES;
            long state = i * PANEL_BYTES + vector * VECTOR_BYTES;
            long sum = sums + i * headPanel + vector * VECTOR_BYTES;
            hideFuture(score, keys, key, start + lane);
            softmaxStep(score, keys, maxima + state, totals + state, sum, packed);
          }
        }
      }
      weights.set(v + key * stride, keys, size, stride, bf16);
      for (int c = 0; c < size; c += Gemm.ROW_BLOCK) {
        int m = Math.min(Gemm.ROW_BLOCK, size - c);
        long sum = sums + blind * headPanel + c * PANEL_BYTES;
        Gemm.timesColumns(weights, c, m, s, scorePanel, tokens, sum, headPanel, true, packed);
      }
    }
    for (int i = 0; i < panelCount; i++) {
      divide(sums + i * headPanel, totals + i * PANEL_BYTES);
      int lanes = Math.min(PANEL, rows - i * PANEL);
      long rowsOut = to + 4L * i * PANEL * channels;
      Packing.unpack(sums + i * headPanel, lanes, size, rowsOut, 4L * channels);
    }
    for (int i = 0; logarithms != 0 && i < rows; i++) {
      double total = Simd.get(totals + 4L * i); // lane after lane, panel after panel
      float logSum = (float) (Math.log(total) + Simd.get(maxima + 4L * i));
      Simd.set(logarithms + 4L * i * heads, logSum);
    }
  }

  /** Scores of keys that lie after a query become −∞; the first lane's query is at a position. */
  static void hideFuture(long scores, int keys, int firstKey, int position) {
    for (int j = Math.max(0, position + 1 - firstKey); j < keys; j++) {
      int hidden = Math.min(LANES, firstKey + j - position);
      for (int lane = 0; lane < hidden; lane++) {
        Simd.set(scores + j * PANEL_BYTES + 4L * lane, Float.NEGATIVE_INFINITY);
      }
    }
  }

  /**
   * One block of keys for one vector of queries: scores become weights, sums are rescaled.
   *
   * @param correction scratch of two vectors
   */
  private void softmaxStep(
      long scores, int keys, long maximum, long total, long sum, long correction) {
    // The correction is exp(old maximum − new maximum): the same loop, with one vector.
    Simd.copy(maximum, correction, VECTOR_BYTES);
    VectorMath.max(scores, PANEL_BYTES, keys, maximum);
    long unused = correction + VECTOR_BYTES;
    VectorMath.exp(correction, 0, 1, maximum, correction, 0, unused);
    VectorMath.scale(total, total, 0, 1, correction);
    VectorMath.exp(scores, PANEL_BYTES, keys, maximum, scores, PANEL_BYTES, total);
    VectorMath.scale(sum, sum, PANEL_BYTES, size, correction);
  }

  private void divide(long sums, long totals) {
    for (int vector = 0; vector < PANEL_VECTORS; vector++) {
      long offset = vector * VECTOR_BYTES;
      FloatVector total = FloatVector.fromMemorySegment(FLOATS, ALL, totals + offset, LE);
      for (int c = 0; c < size; c++) {
        long address = sums + c * PANEL_BYTES + offset;
        FloatVector sum = FloatVector.fromMemorySegment(FLOATS, ALL, address, LE);
        sum.div(total).intoMemorySegment(ALL, address, LE);
      }
    }
  }
}
