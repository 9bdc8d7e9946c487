package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.PANEL;

import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A Pattention of a few tokens that nothing is learned from: {@link FewTokens} in blocks of
 * parameter tokens, whose sums are added in their order, whoever computed them.
 */
final class PattentionFewTask implements Workers.Task {
  /** Keys per piece. */
  private static final int KEYS = 48;

  /** Values per piece. Their sums are added in order, so it is fixed. */
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
  private long groups; // x as FewTokens has it
  private long scores; // (T, N), then θ
  private long scoreStride;
  private long thetas; // tiles (N, 6)
  private long sums; // (blocks of values, blocks of columns) as FewTokens has them

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
    long groupBytes = FewTokens.groupBytes(rows, keys.columns());
    long scoreBytes = rows * scoreStride;
    long thetaBytes = FewTokens.tiles(rows) * tileStride();
    long sumBytes = valueBlocks() * blockStride();
    groups = scratch.shared(groupBytes + scoreBytes + thetaBytes + sumBytes);
    scores = groups + groupBytes;
    thetas = scores + scoreBytes;
    sums = thetas + thetaBytes;
    workers.run(this);
  }

  private long tileStride() {
    return count * Tile.ROW_BYTES;
  }

  private int valueBlocks() {
    return Math.max(1, (count + VALUES - 1) / VALUES); // no values: sums of 0
  }

  private int columnBlocks() {
    return (values.columns() + FewTokens.COLUMNS - 1) / FewTokens.COLUMNS;
  }

  /** Bytes of the sums of one block of values. */
  private long blockStride() {
    return columnBlocks() * FewTokens.sumBytes(rows);
  }

  @Override
  public void run(int worker) {
    for (int i = workers.next(); i < FewTokens.groups(rows); i = workers.next()) {
      FewTokens.packGroup(x, rows, keys.columns(), i, groups);
    }
    workers.barrier(worker);
    long own = scratch.local(worker, FewTokens.dotsBytes(keys.columns()));
    int keyBlocks = (count + KEYS - 1) / KEYS;
    for (int i = workers.next(keyBlocks); i < keyBlocks; i = workers.next(keyBlocks)) {
      int row = i * KEYS;
      int end = Math.min(count, row + KEYS);
      FewTokens.dots(keys, row, end, x, groups, rows, scores + 4L * row, scoreStride, own);
    }
    workers.barrier(worker);
    for (int t = workers.next(); t < rows; t = workers.next()) {
      long row = scores + t * scoreStride;
      ThetaKernel.applyRow(tokens.theta(), tokens.tau(), row, count, scratch.packed(worker));
    }
    workers.barrier(worker);
    int blocks = valueBlocks();
    for (int tile = workers.next(); tile < FewTokens.tiles(rows); tile = workers.next()) {
      int first = tile * Tile.ROWS;
      int m = Math.min(Tile.ROWS, rows - first);
      long to = thetas + tile * tileStride();
      Packing.rows(scores + first * scoreStride, scoreStride, m, count, to);
    }
    workers.barrier(worker);
    long scratchSums = scratch.local(worker, FewTokens.SUMS_SCRATCH_BYTES);
    for (int i = workers.next(blocks); i < blocks; i = workers.next(blocks)) {
      int first = i * VALUES;
      int end = Math.min(count, first + VALUES);
      FewTokens.weightedSums(
          values,
          first,
          end,
          rows,
          thetas + first * Tile.ROW_BYTES,
          tileStride(),
          sums + i * blockStride(),
          scratchSums);
    }
    workers.barrier(worker);
    addBlocks(blocks);
  }

  /** Adds the sums of all blocks of values, column block by column block. */
  private void addBlocks(int blocks) {
    int outputs = values.columns();
    for (int i = workers.next(); i < columnBlocks(); i = workers.next()) {
      int first = i * FewTokens.COLUMNS;
      int end = Math.min(outputs, first + FewTokens.COLUMNS);
      for (int c = first; c < end; c += PANEL) {
        int lanes = Math.min(PANEL, end - c);
        for (int t = 0; t < rows; t++) {
          long from =
              sums
                  + i * FewTokens.sumBytes(rows)
                  + FewTokens.sumOffset(rows, (c - first) / PANEL, t);
          long to = y + 4L * ((long) t * outputs + c);
          Simd.copy(from, to, 4L * lanes);
          for (int b = 1; b < blocks; b++) {
            RowKernels.add(from + b * blockStride(), to, lanes, to);
          }
        }
      }
    }
  }
}
