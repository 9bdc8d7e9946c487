package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;

import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Computes a Pattention of a few tokens without saving scores: {@link FewTokens} on blocks of
 * parameter tokens. The sums of the blocks are added in their order, whichever worker computed
 * them.
 */
final class PattentionFewTask implements Workers.Task {
  /** Keys per piece. */
  private static final int KEYS = FewTokens.DOT_ROWS;

  /** Values per piece; fixed, since the sums of the pieces are added in order. */
  private static final int VALUES = 96;

  private final Workers workers;
  private final Scratch scratch;
  private final WeightRows keys = new WeightRows();
  private final WeightRows values = new WeightRows();
  private ParameterTokens tokens;
  private long x;
  private long y;
  private int rows;
  private int count;
  private long scores; // (T, N), then θ
  private long scoreStride;
  private long sums; // one block of FewTokens sums per block of values
  private long sumStride;

  @SuppressWarnings("NullAway.Init") // every run sets the operands first
  PattentionFewTask(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  void run(Tensor input, ParameterTokens parameterTokens, Tensor output) {
    tokens = parameterTokens;
    keys.setKeys(parameterTokens);
    values.setValues(parameterTokens);
    x = HostBuffer.addressOf(input);
    y = HostBuffer.addressOf(output);
    rows = Math.toIntExact(input.rows());
    count = keys.rows();
    scoreStride = 4L * Simd.roundUp(count, LANES);
    long scoreBytes = rows * scoreStride;
    sumStride = FewTokens.sumBytes(rows, values.columns());
    scores = scratch.shared(scoreBytes + valueBlocks() * sumStride);
    sums = scores + scoreBytes;
    workers.run(this);
  }

  private int valueBlocks() {
    return Math.max(1, (count + VALUES - 1) / VALUES); // without values the sums are 0
  }

  @Override
  public void run(int worker) {
    int channels = keys.columns();
    long groupBytes = FewTokens.groupBytes(rows, channels);
    long tileStride = VALUES * Tile.ROW_BYTES;
    long thetaBytes = FewTokens.tiles(rows) * tileStride;
    long groups =
        scratch.local(
            worker,
            Math.max(
                groupBytes + FewTokens.dotsBytes(channels),
                thetaBytes + FewTokens.weightedSumsBytes(values.columns())));
    // Every worker packs its own copy, which takes no longer than a barrier.
    FewTokens.packGroups(x, rows, channels, groups);
    int keyBlocks = (count + KEYS - 1) / KEYS;
    for (int i = workers.next(keyBlocks); i < keyBlocks; i = workers.next(keyBlocks)) {
      int row = i * KEYS;
      int end = Math.min(count, row + KEYS);
      long to = scores + 4L * row;
      FewTokens.dots(keys, row, end, x, groups, rows, to, scoreStride, groups + groupBytes);
    }
    workers.barrier(worker);
    for (int t = workers.next(); t < rows; t = workers.next()) {
      long row = scores + t * scoreStride;
      ThetaKernel.applyRow(tokens.theta(), tokens.tau(), row, count, scratch.packed(worker));
    }
    workers.barrier(worker);
    long thetas = groups;
    int blocks = valueBlocks();
    for (int i = workers.next(blocks); i < blocks; i = workers.next(blocks)) {
      int first = i * VALUES;
      int end = Math.min(count, first + VALUES);
      for (int tile = 0; tile < FewTokens.tiles(rows); tile++) {
        int token = tile * Tile.ROWS;
        int m = Math.min(Tile.ROWS, rows - token);
        long from = scores + token * scoreStride + 4L * first;
        Packing.rows(from, scoreStride, m, end - first, thetas + tile * tileStride);
      }
      long to = sums + i * sumStride;
      FewTokens.weightedSums(values, first, end, rows, thetas, tileStride, to, thetas + thetaBytes);
    }
    workers.barrier(worker);
    addBlocks(blocks);
  }

  /** Adds the sums of all blocks of values, panel by panel. */
  private void addBlocks(int blocks) {
    int outputs = values.columns();
    int panels = FewTokens.panels(outputs);
    for (int panel = workers.next(); panel < panels; panel = workers.next()) {
      int lanes = Math.min(PANEL, outputs - panel * PANEL);
      for (int t = 0; t < rows; t++) {
        long from = sums + FewTokens.sumOffset(rows, panel, t);
        long to = y + 4L * ((long) t * outputs + (long) panel * PANEL);
        Simd.copy(from, to, 4L * lanes);
        for (int b = 1; b < blocks; b++) {
          RowKernels.add(from + b * sumStride, to, lanes, to);
        }
      }
    }
  }
}
