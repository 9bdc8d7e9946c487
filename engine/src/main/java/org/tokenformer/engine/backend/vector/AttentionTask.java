package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.CachePool.PAGE;
import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_BYTES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL_VECTORS;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.CachePool;
import org.tokenformer.engine.backend.KeyValueCache;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Computes causal attention of a batch of sequences. Cached keys and values are to a row of queries
 * what parameter tokens are to a Pattention, so the same kernels serve: panels of queries against
 * blocks of keys, with a running maximum and sum (as in FlashAttention, arXiv 2205.14135). A single
 * query uses {@link Gemv} and Θ = softmax. The T×T matrix never exists.
 */
final class AttentionTask implements Workers.Task {
  /** Queries per tile; they share the packed keys and values of a block. */
  private static final int QUERIES = Math.max(128, PANEL);

  /**
   * Keys per block, a whole number of tiles and of pages. Blocks start at fixed positions, so the
   * results of a prompt are bit-identical however it is split into chunks.
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
  private long[] keyPages = new long[64]; // addresses, sequence after sequence
  private long[] valuePages = new long[64];
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
    locatePages(cacheLayer);
    heads = headCount;
    channels = Math.toIntExact(query.columns());
    size = channels / headCount;
    workers.run(this);
  }

  /** Looks up the pages of a layer once for all heads. */
  private void locatePages(int layer) {
    int count = 0;
    for (int s = 0; s < sequences.size(); s++) {
      KeyValueCache cache = sequences.get(s).cache();
      int pages = pages(sequences.get(s));
      if (count + pages > keyPages.length) {
        keyPages = Arrays.copyOf(keyPages, 2 * (count + pages));
        valuePages = Arrays.copyOf(valuePages, keyPages.length);
      }
      for (int page = 0; cache != null && page < pages; page++, count++) {
        keyPages[count] = HostBuffer.addressOf(cache.keys(page, layer));
        valuePages[count] = HostBuffer.addressOf(cache.values(page, layer));
      }
    }
  }

  private static int pages(Sequence sequence) {
    return sequence.cache() == null ? 0 : CachePool.pages(sequence.start() + sequence.rows());
  }

  @Override
  public void run(int worker) {
    append();
    workers.barrier(worker);
    int piece = workers.next();
    int firstPiece = 0;
    int firstRow = 0;
    int firstPage = 0;
    for (int s = 0; s < sequences.size(); s++) {
      Sequence sequence = sequences.get(s);
      int tiles = (sequence.rows() + QUERIES - 1) / QUERIES;
      int pieces = tiles * heads;
      for (; piece < firstPiece + pieces; piece = workers.next()) {
        int head = (piece - firstPiece) % heads;
        // The last tile attends to the most keys, so it goes first and the short ones fill the
        // gaps.
        int tile = tiles - 1 - (piece - firstPiece) / heads;
        attend(worker, sequence, firstRow, firstPage, head, tile * QUERIES);
      }
      firstPiece += pieces;
      firstRow += sequence.rows();
      firstPage += pages(sequence);
    }
  }

  /** Copies the new rows into the caches. */
  private void append() {
    int piece = workers.next();
    int firstPiece = 0;
    int firstRow = 0;
    int firstPage = 0;
    for (int s = 0; s < sequences.size(); s++) {
      Sequence sequence = sequences.get(s);
      KeyValueCache cache = sequence.cache();
      int pieces = (sequence.rows() + ROWS_PER_COPY - 1) / ROWS_PER_COPY;
      for (; piece < firstPiece + pieces; piece = workers.next()) {
        int row = (piece - firstPiece) * ROWS_PER_COPY;
        int rows = Math.min(ROWS_PER_COPY, sequence.rows() - row);
        if (cache != null) {
          store(cache.dtype(), firstPage, firstRow + row, rows, sequence.start() + row);
        }
      }
      firstPiece += pieces;
      firstRow += sequence.rows();
      firstPage += pages(sequence);
    }
  }

  private void store(DType type, int firstPage, int row, int rows, int position) {
    for (int done = 0; done < rows; ) {
      int page = firstPage + (position + done) / PAGE;
      int first = (position + done) % PAGE;
      int count = Math.min(PAGE - first, rows - done);
      store(newKeys, row + done, count, keyPages[page], type, first);
      store(newValues, row + done, count, valuePages[page], type, first);
      done += count;
    }
  }

  private void store(Tensor from, int row, int rows, long page, DType type, int first) {
    long source = HostBuffer.addressOf(from) + 4L * row * channels;
    long elements = (long) rows * channels;
    long start = (long) first * channels;
    if (type == DType.BF16) {
      RowKernels.narrow(source, elements, page + 2 * start);
    } else {
      Simd.copy(source, page + 4 * start, 4 * elements);
    }
  }

  private void attend(
      int worker, Sequence sequence, int firstRow, int firstPage, int head, int tile) {
    long firstElement = (long) (firstRow + tile) * channels + (long) head * size;
    long q = HostBuffer.addressOf(queries) + 4 * firstElement;
    long to = HostBuffer.addressOf(out) + 4 * firstElement;
    KeyValueCache cache = sequence.cache();
    if (cache != null && sequence.rows() == 1 && logSums == 0) {
      oneQuery(worker, q, cache.dtype(), firstPage, head, sequence.start() + 1, to);
    } else {
      int rows = Math.min(QUERIES, sequence.rows() - tile);
      long sums = logSums == 0 ? 0 : logSums + 4L * ((long) (firstRow + tile) * heads + head);
      manyQueries(worker, q, rows, sequence, firstRow, firstPage, head, tile, sums, to);
    }
  }

  private float scale() {
    return (float) (1 / Math.sqrt(size));
  }

  /**
   * Computes attention of one query over its visible positions, whose pages may be anywhere in the
   * pool.
   */
  private void oneQuery(
      int worker, long q, DType type, int firstPage, int head, int visible, long to) {
    long sums = scratch.packed(worker);
    long scaled = scratch.local(worker, 4L * size + 4L * Simd.roundUp(visible, LANES));
    long scores = scaled + 4L * size;
    boolean bf16 = type == DType.BF16;
    long stride = (long) channels * type.bytes();
    long skipped = (long) head * size * type.bytes();
    float scale = scale();
    for (int c = 0; c < size; c++) {
      Simd.set(scaled + 4L * c, scale * Simd.get(q + 4L * c));
    }
    for (int p = 0; p < visible; p += PAGE) {
      long k = keyPages[firstPage + p / PAGE] + skipped;
      Gemv.dots(k, stride, bf16, Math.min(PAGE, visible - p), size, scaled, scores + 4L * p, sums);
    }
    ThetaKernel.applyRow(Theta.SOFTMAX, 1, scores, visible, sums);
    Simd.clear(to, 4L * size);
    for (int p = 0; p < visible; p += PAGE) {
      long v = valuePages[firstPage + p / PAGE] + skipped;
      Gemv.weightedSum(v, stride, bf16, Math.min(PAGE, visible - p), scores + 4L * p, size, to);
    }
  }

  /**
   * Points {@code weights} to one head of some rows of a sequence: rows of its cache or, without a
   * cache, of the new keys or values.
   *
   * @param isKeys whether to take the keys or the values
   * @param position position of the first row
   */
  private void setRows(
      WeightRows weights,
      Sequence sequence,
      boolean isKeys,
      int firstRow,
      int firstPage,
      int head,
      int position,
      int rows) {
    KeyValueCache cache = sequence.cache();
    DType type = cache == null ? DType.F32 : cache.dtype();
    long stride = (long) channels * type.bytes();
    long skipped = (long) head * size * type.bytes();
    weights.clear(size);
    if (cache == null) {
      Tensor own = isKeys ? newKeys : newValues;
      long from = HostBuffer.addressOf(own) + (firstRow + position) * stride + skipped;
      weights.add(from, rows, stride, type);
      return;
    }
    for (int done = 0; done < rows; ) {
      int page = firstPage + (position + done) / PAGE;
      int first = (position + done) % PAGE;
      int count = Math.min(PAGE - first, rows - done);
      long from = isKeys ? keyPages[page] : valuePages[page];
      weights.add(from + first * stride + skipped, count, stride, type);
      done += count;
    }
  }

  /**
   * Computes attention of a tile of queries of one head over all keys that its last query sees.
   *
   * @param tile first query of the tile, counted from the sequence's first row
   * @param logarithms where the logarithm of the first query's sum goes, or 0
   */
  private void manyQueries(
      int worker,
      long q,
      int rows,
      Sequence sequence,
      int firstRow,
      int firstPage,
      int head,
      int tile,
      long logarithms,
      long to) {
    int start = sequence.start() + tile; // position of the first query
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
      int skippedPanels = Math.max(0, key - start) / PANEL; // they see no key of this block
      int tokens = rows - skippedPanels * PANEL;
      long p = panels + skippedPanels * headPanel;
      long s = scores + skippedPanels * scorePanel;
      setRows(weights, sequence, true, firstRow, firstPage, head, key, keys);
      Gemm.timesRows(weights, 0, keys, p, headPanel, tokens, s, scorePanel, packed);
      for (int i = skippedPanels; i < panelCount; i++) {
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
      setRows(weights, sequence, false, firstRow, firstPage, head, key, keys);
      for (int c = 0; c < size; c += Gemm.ROW_BLOCK) {
        int m = Math.min(Gemm.ROW_BLOCK, size - c);
        long sum = sums + skippedPanels * headPanel + c * PANEL_BYTES;
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
      double total = Simd.get(totals + 4L * i); // contiguous across lanes and panels
      float logSum = (float) (Math.log(total) + Simd.get(maxima + 4L * i));
      Simd.set(logarithms + 4L * i * heads, logSum);
    }
  }

  /**
   * Sets the scores of keys after a query to −∞.
   *
   * @param position position of the query on the first lane
   */
  static void hideFuture(long scores, int keys, int firstKey, int position) {
    for (int j = Math.max(0, position + 1 - firstKey); j < keys; j++) {
      int hidden = Math.min(LANES, firstKey + j - position);
      for (int lane = 0; lane < hidden; lane++) {
        Simd.set(scores + j * PANEL_BYTES + 4L * lane, Float.NEGATIVE_INFINITY);
      }
    }
  }

  /**
   * Processes one block of keys for one vector of queries: scores become weights, and the sums so
   * far are rescaled.
   *
   * @param correction scratch of two vectors
   */
  private void softmaxStep(
      long scores, int keys, long maximum, long total, long sum, long correction) {
    // The correction is exp(old maximum − new maximum), computed by the same loop on one vector.
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
