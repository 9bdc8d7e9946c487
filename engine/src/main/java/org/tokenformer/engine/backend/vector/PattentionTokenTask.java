package org.tokenformer.engine.backend.vector;

import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Computes a Pattention of one or two tokens without saving scores. Work is divided into blocks of
 * parameter tokens at fixed positions; keys and values are each read as one stream, and the sums of
 * the blocks are added in their order, whichever worker computed them. A block is used for all
 * tokens before the next one, while it is in the second-level cache, so each token's result is
 * bit-identical to that of the token alone.
 */
final class PattentionTokenTask implements Workers.Task {
  /** Maximum number of tokens; {@link FewTokens} is faster for more. */
  static final int MAX_ROWS = 2;

  /** Parameter tokens per piece; fixed, since the sums of the pieces are added in order. */
  private static final int BLOCK = 64;

  /** Columns per piece when those sums are added: whole cache lines at any vector width. */
  private static final int COLUMN_BLOCK = 64;

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
  private long partialSums; // (T, blocks, C')
  private long sumStride;

  @SuppressWarnings("NullAway.Init") // every run sets the operands first
  PattentionTokenTask(Workers workers, Scratch scratch) {
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
    scoreStride = Simd.roundUp(count, BLOCK) * 4L;
    sumStride = 4L * blocks() * values.columns();
    scores = scratch.shared(rows * (scoreStride + sumStride));
    partialSums = scores + rows * scoreStride;
    workers.run(this);
  }

  private int blocks() {
    return (count + BLOCK - 1) / BLOCK;
  }

  @Override
  public void run(int worker) {
    long sums = scratch.packed(worker);
    int outputs = values.columns();
    int blocks = blocks();
    for (int i = workers.next(blocks); i < blocks; i = workers.next(blocks)) {
      int first = i * BLOCK;
      int end = Math.min(count, first + BLOCK);
      for (int t = 0; t < rows; t++) {
        long token = x + 4L * t * keys.columns();
        keys.dots(first, end, token, scores + t * scoreStride + 4L * first, sums);
      }
    }
    workers.barrier(worker);
    for (int t = workers.next(); t < rows; t = workers.next()) {
      ThetaKernel.applyRow(tokens.theta(), tokens.tau(), scores + t * scoreStride, count, sums);
    }
    workers.barrier(worker);
    for (int i = workers.next(blocks); i < blocks; i = workers.next(blocks)) {
      int first = i * BLOCK;
      int end = Math.min(count, first + BLOCK);
      for (int t = 0; t < rows; t++) {
        long sum = partialSums + t * sumStride + 4L * i * outputs;
        Simd.clear(sum, 4L * outputs);
        values.weightedSum(first, end, scores + t * scoreStride + 4L * first, sum, sums);
      }
    }
    workers.barrier(worker);
    for (int i = workers.next(); i * COLUMN_BLOCK < outputs; i = workers.next()) {
      int column = i * COLUMN_BLOCK;
      for (int t = 0; t < rows; t++) {
        addBlocks(t, column, Math.min(COLUMN_BLOCK, outputs - column));
      }
    }
  }

  private void addBlocks(int token, int column, int columns) {
    int outputs = values.columns();
    long to = y + 4L * ((long) token * outputs + column);
    Simd.clear(to, 4L * columns);
    for (int b = 0; b < blocks(); b++) {
      long from = partialSums + token * sumStride + 4 * ((long) b * outputs + column);
      RowKernels.add(from, to, columns, to);
    }
  }
}
