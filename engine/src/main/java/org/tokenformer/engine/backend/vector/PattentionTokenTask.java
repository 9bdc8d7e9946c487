package org.tokenformer.engine.backend.vector;

import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A Pattention of one token that nothing is learned from. Blocks of parameter tokens are handed
 * out, their positions fixed: keys and values are read as one stream each, and the sums of the
 * blocks are added in their order, whoever computed them.
 */
final class PattentionTokenTask implements Workers.Task {
  /** Parameter tokens per piece. Their sums are added in order, so it is fixed. */
  private static final int BLOCK = 64;

  /** Columns per piece when those sums are added: whole cache lines, on any width. */
  private static final int COLUMN_BLOCK = 64;

  private final Workers workers;
  private final Scratch scratch;
  private final WeightRows keys = new WeightRows();
  private final WeightRows values = new WeightRows();
  private ParameterTokens tokens;
  private long x;
  private long y;
  private int count;
  private long scores; // (N)
  private long partialSums; // (blocks, C')

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
    count = keys.rows();
    long scoreBytes = Simd.roundUp(count, BLOCK) * 4L;
    scores = scratch.shared(scoreBytes + 4L * blocks() * values.columns());
    partialSums = scores + scoreBytes;
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
    for (int i = workers.next(); i < blocks; i = workers.next()) {
      int first = i * BLOCK;
      keys.dots(first, Math.min(count, first + BLOCK), x, scores + 4L * first, sums);
    }
    workers.barrier(worker);
    if (worker == 0) {
      ThetaKernel.applyRow(tokens.theta(), tokens.tau(), scores, count, sums);
    }
    workers.barrier(worker);
    for (int i = workers.next(); i < blocks; i = workers.next()) {
      int first = i * BLOCK;
      long sum = partialSums + 4L * i * outputs;
      Simd.clear(sum, 4L * outputs);
      values.weightedSum(first, Math.min(count, first + BLOCK), scores + 4L * first, sum, sums);
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
}
