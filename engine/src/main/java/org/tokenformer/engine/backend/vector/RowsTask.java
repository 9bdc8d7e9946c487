package org.tokenformer.engine.backend.vector;

import java.util.List;
import org.tokenformer.engine.backend.AdamW;
import org.tokenformer.engine.backend.Sequence;

/**
 * An operation that processes each row independently; blocks of rows are handed out to the workers.
 */
abstract class RowsTask implements Workers.Task {
  /** Number of elements below which a barrier costs more than several threads save. */
  private static final long SMALL = 1 << 15;

  /** Elements per block of rows. */
  private static final long BLOCK = 1 << 13;

  private final Workers workers;
  private final Scratch scratch;
  private int rows;
  private int rowsInBlock;

  RowsTask(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  /**
   * Processes one row.
   *
   * @param own the worker's own scratch of {@link Gemm#PACKED_BYTES}
   */
  abstract void row(int row, long own);

  /** Processes all rows; {@code elements} is the approximate size of each. */
  final void run(int rowCount, int elements) {
    rows = rowCount;
    rowsInBlock = (int) Math.max(1, BLOCK / Math.max(1, elements));
    if (rowCount == 1 || (long) rowCount * elements < SMALL) {
      for (int row = 0; row < rowCount; row++) {
        row(row, scratch.packed(0));
      }
    } else {
      workers.run(this);
    }
  }

  @Override
  public final void run(int worker) {
    int blocks = Math.ceilDiv(rows, rowsInBlock);
    for (int i = workers.next(blocks); i < blocks; i = workers.next(blocks)) {
      int end = Math.min(rows, (i + 1) * rowsInBlock);
      for (int row = i * rowsInBlock; row < end; row++) {
        row(row, scratch.packed(worker));
      }
    }
  }

  /** {@code Backend.layerNorm}. */
  static final class LayerNorm extends RowsTask {
    long x;
    int channels;
    long weight;
    long bias;
    float epsilon;
    long out;

    LayerNorm(Workers workers, Scratch scratch) {
      super(workers, scratch);
    }

    @Override
    void row(int row, long own) {
      long offset = 4L * row * channels;
      RowKernels.layerNorm(x + offset, channels, weight, bias, epsilon, out + offset);
    }
  }

  /** The first half of {@code Backend.layerNormBackward}: the gradient of x. */
  static final class LayerNormBackward extends RowsTask {
    long x;
    int channels;
    long weight;
    float epsilon;
    long outGradient;
    long xGradient;

    LayerNormBackward(Workers workers, Scratch scratch) {
      super(workers, scratch);
    }

    @Override
    void row(int row, long own) {
      long offset = 4L * row * channels;
      RowKernels.layerNormBackward(
          x + offset, channels, weight, epsilon, outGradient + offset, xGradient + offset);
    }
  }

  /** {@code Backend.add}. */
  static final class Add extends RowsTask {
    long x;
    long y;
    int channels;
    long out;

    Add(Workers workers, Scratch scratch) {
      super(workers, scratch);
    }

    @Override
    void row(int row, long own) {
      long offset = 4L * row * channels;
      RowKernels.add(x + offset, y + offset, channels, out + offset);
    }
  }

  /** {@code Backend.crossEntropy} and, in the same pass, its gradient. */
  static final class CrossEntropy extends RowsTask {
    long logits;
    int vocabulary;
    int[] targets = {};
    int from;
    boolean backward;
    float weight;
    long losses;

    CrossEntropy(Workers workers, Scratch scratch) {
      super(workers, scratch);
    }

    @Override
    void row(int row, long own) {
      long at = logits + 4L * row * vocabulary;
      int target = targets[from + row];
      float loss =
          backward
              ? RowKernels.crossEntropyBackward(at, vocabulary, target, weight, own)
              : RowKernels.crossEntropy(at, vocabulary, target, own);
      Simd.set(losses + 4L * row, loss);
    }
  }

  /** {@code Backend.rotary}. */
  static final class Rotary extends RowsTask {
    long x;
    int channels;
    int heads;
    int half; // pairs that are rotated
    long cosine;
    long sine;
    List<Sequence> sequences = List.of();

    Rotary(Workers workers, Scratch scratch) {
      super(workers, scratch);
    }

    @Override
    void row(int row, long own) {
      int s = 0;
      int inSequence = row;
      for (; inSequence >= sequences.get(s).rows(); s++) {
        inSequence -= sequences.get(s).rows();
      }
      long angles = 4L * half * (sequences.get(s).start() + inSequence);
      long at = x + 4L * row * channels;
      RowKernels.rotary(at, heads, channels / heads, half, cosine + angles, sine + angles);
    }
  }

  /** {@code Backend.zero}: a row is a piece of the tensor, viewed as one array. */
  static final class Zero extends RowsTask {
    /** Elements per row. */
    static final int PIECE = 1 << 12;

    long x;
    long elements;

    Zero(Workers workers, Scratch scratch) {
      super(workers, scratch);
    }

    @Override
    void row(int row, long own) {
      long n = Math.min(PIECE, elements - (long) row * PIECE);
      Simd.clear(x + 4L * row * PIECE, 4 * n);
    }
  }

  /** {@code Backend.adamw}: a row is a piece of the tensors, viewed as one array. */
  static final class AdamStep extends RowsTask {
    /** Elements per row. */
    static final int PIECE = 1 << 12;

    AdamW step = NO_STEP;
    long weights;
    long gradient;
    long first;
    long second;
    long elements;

    private static final AdamW NO_STEP = new AdamW(0, 0, 0, 0, 0, 1, 0);

    AdamStep(Workers workers, Scratch scratch) {
      super(workers, scratch);
    }

    @Override
    void row(int row, long own) {
      long offset = 4L * row * PIECE;
      int n = (int) Math.min(PIECE, elements - (long) row * PIECE);
      RowKernels.adamw(
          step, weights + offset, gradient + offset, first + offset, second + offset, n);
    }
  }

  /** {@code Backend.sumOfSquares}: one sum per piece of the tensor, viewed as one array. */
  static final class SumOfSquares extends RowsTask {
    /** Elements per row. */
    static final int PIECE = 1 << 12;

    long x;
    long elements;
    double[] sums = {};

    SumOfSquares(Workers workers, Scratch scratch) {
      super(workers, scratch);
    }

    @Override
    void row(int row, long own) {
      int n = (int) Math.min(PIECE, elements - (long) row * PIECE);
      sums[row] = RowKernels.squares(x + 4L * row * PIECE, n, 0);
    }
  }
}
