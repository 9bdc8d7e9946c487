package org.tokenformer.engine.backend.vector;

import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.AdamW;
import org.tokenformer.engine.backend.HostBackend;
import org.tokenformer.engine.backend.ParameterGradients;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Quantized;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Computes on the CPU with vector instructions and several threads. Operations take a lock, since
 * they share the workers and the scratch memory. The tasks are created once and refilled by each
 * operation, so that a step allocates nothing.
 */
public final class VectorBackend extends HostBackend {
  /** System property for the bits of a vector, one of {@link #widths}; the default is the last. */
  public static final String WIDTH_PROPERTY = VectorWidth.PROPERTY;

  /**
   * Maximum ids of a short prompt. A short prompt is processed id by id if reading the weights once
   * per id stays within {@link #SHORT_BYTES}. That costs a few milliseconds at most and saves more
   * in a program that has just started: the kernels for many rows need not be compiled before the
   * first token.
   */
  private static final int SHORT_PROMPT = 8;

  private static final long SHORT_BYTES = 256L << 20;

  private final ReentrantLock lock = new ReentrantLock();
  private final Workers workers;
  private final RowsTask.LayerNorm layerNormTask;
  private final RowsTask.Add addTask;
  private final RowsTask.CrossEntropy crossEntropyTask;
  private final RowsTask.Rotary rotaryTask;
  private final RowsTask.Zero zeroTask;
  private final PattentionTask pattentionTask;
  private final ThetasTask thetasTask;
  private final PattentionTokenTask pattentionTokenTask;
  private final PattentionFewTask pattentionFewTask;
  private final AttentionTask attentionTask;
  private final LogitsTask logitsTask;
  private final RowsTask.LayerNormBackward layerNormBackwardTask;
  private final PattentionBackwardTask pattentionBackwardTask;
  private final AttentionBackwardTask attentionBackwardTask;
  private final LogitsBackwardTask logitsBackwardTask;
  private final RowsTask.SumOfSquares sumOfSquaresTask;
  private final RowsTask.AdamStep adamTask;

  /**
   * Starts the workers.
   *
   * @param threads number of threads including the caller's, at least 1
   */
  public VectorBackend(int threads) {
    this(threads, 0);
  }

  /**
   * Starts the workers of a program that has just started: while the JVM compiles the kernels, one
   * thread finishes sooner than several that compete with the compiler for the processors.
   *
   * @param threads number of threads including the caller's, at least 1
   * @param singleThreadNanos time during which only the caller's thread computes; it affects no
   *     result
   */
  public VectorBackend(int threads, long singleThreadNanos) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + threads);
    }
    workers = new Workers(threads, singleThreadNanos);
    Scratch scratch = new Scratch(threads);
    layerNormTask = new RowsTask.LayerNorm(workers, scratch);
    addTask = new RowsTask.Add(workers, scratch);
    crossEntropyTask = new RowsTask.CrossEntropy(workers, scratch);
    rotaryTask = new RowsTask.Rotary(workers, scratch);
    zeroTask = new RowsTask.Zero(workers, scratch);
    pattentionTask = new PattentionTask(workers, scratch);
    thetasTask = new ThetasTask(workers, scratch);
    pattentionTokenTask = new PattentionTokenTask(workers, scratch);
    pattentionFewTask = new PattentionFewTask(workers, scratch);
    attentionTask = new AttentionTask(workers, scratch);
    logitsTask = new LogitsTask(workers, scratch);
    layerNormBackwardTask = new RowsTask.LayerNormBackward(workers, scratch);
    pattentionBackwardTask = new PattentionBackwardTask(workers, scratch);
    attentionBackwardTask = new AttentionBackwardTask(workers, scratch);
    logitsBackwardTask = new LogitsBackwardTask(workers, scratch);
    sumOfSquaresTask = new RowsTask.SumOfSquares(workers, scratch);
    adamTask = new RowsTask.AdamStep(workers, scratch);
  }

  /**
   * Returns the vector widths in bits, in ascending order, that this machine has instructions for;
   * none if it has no vectors.
   */
  public static List<Integer> widths() {
    return VectorWidth.supported();
  }

  /** Returns the bits of the vectors in use. */
  public static int vectorBits() {
    return Simd.FLOATS.vectorBitSize();
  }

  @Override
  public String name() {
    return "vector";
  }

  @Override
  public String description() {
    return "vector, "
        + vectorBits()
        + " bits, "
        + threads()
        + (threads() == 1 ? " thread" : " threads");
  }

  @Override
  public int threads() {
    return workers.threads();
  }

  @Override
  public int promptRows(int ids, long weightBytes) {
    boolean isShort = ids <= SHORT_PROMPT && ids * weightBytes <= SHORT_BYTES;
    return isShort ? 1 : ids;
  }

  @Override
  public void zero(Tensor tensor) {
    if (tensor.dtype() != DType.F32) {
      super.zero(tensor);
      return;
    }
    lock.lock();
    try {
      int piece = RowsTask.Zero.PIECE;
      zeroTask.x = HostBuffer.addressOf(tensor);
      zeroTask.elements = tensor.shape().elements();
      zeroTask.run(Math.toIntExact((zeroTask.elements + piece - 1) / piece), piece);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void embed(Tensor table, int[] ids, int from, Tensor out) {
    long rows = HostBuffer.addressOf(table);
    long scales = addressOf(table.scales());
    long to = HostBuffer.addressOf(out);
    DType type = table.dtype();
    int channels = Math.toIntExact(table.columns());
    for (int t = 0; t < out.rows(); t++) {
      long row = rows + ids[from + t] * type.rowBytes(channels);
      long scale = scales + 4L * ids[from + t] * Quantized.groups(channels);
      Widening.rows(type, row, 0, scale, 0, 1, 0, channels, to + 4L * channels * t, 0);
    }
  }

  @Override
  public void layerNorm(
      Tensor x, @Nullable Tensor weight, @Nullable Tensor bias, float epsilon, Tensor out) {
    lock.lock();
    try {
      layerNormTask.x = HostBuffer.addressOf(x);
      layerNormTask.channels = Math.toIntExact(x.columns());
      layerNormTask.weight = addressOf(weight);
      layerNormTask.bias = addressOf(bias);
      layerNormTask.epsilon = epsilon;
      layerNormTask.out = HostBuffer.addressOf(out);
      layerNormTask.run(Math.toIntExact(x.rows()), layerNormTask.channels);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void pattention(
      Tensor x, ParameterTokens tokens, @Nullable SavedScores saved, Tensor out) {
    lock.lock();
    try {
      if (saved == null && x.rows() <= PattentionTokenTask.MAX_ROWS) {
        pattentionTokenTask.run(x, tokens, out);
      } else if (saved == null && x.rows() <= FewTokens.MAX_ROWS) {
        pattentionFewTask.run(x, tokens, out);
      } else {
        pattentionTask.run(x, tokens, saved, out);
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void thetas(ParameterTokens tokens, SavedScores saved, Tensor out) {
    lock.lock();
    try {
      thetasTask.run(tokens, saved, out);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void rotary(Tensor x, int heads, RotaryTable table, List<Sequence> sequences) {
    lock.lock();
    try {
      rotaryTask.x = HostBuffer.addressOf(x);
      rotaryTask.channels = Math.toIntExact(x.columns());
      rotaryTask.heads = heads;
      rotaryTask.half = table.dimensions() / 2;
      rotaryTask.cosine = HostBuffer.addressOf(table.cosine());
      rotaryTask.sine = HostBuffer.addressOf(table.sine());
      rotaryTask.sequences = sequences;
      rotaryTask.run(Math.toIntExact(x.rows()), rotaryTask.channels);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void attention(
      Tensor query,
      Tensor key,
      Tensor value,
      int heads,
      int layer,
      List<Sequence> sequences,
      @Nullable Tensor logSums,
      Tensor out) {
    lock.lock();
    try {
      attentionTask.run(query, key, value, heads, layer, sequences, logSums, out);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void add(Tensor x, Tensor y, Tensor out) {
    lock.lock();
    try {
      addTask.x = HostBuffer.addressOf(x);
      addTask.y = HostBuffer.addressOf(y);
      addTask.channels = Math.toIntExact(x.columns());
      addTask.out = HostBuffer.addressOf(out);
      addTask.run(Math.toIntExact(x.rows()), addTask.channels);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void logits(Tensor x, Tensor table, boolean training, Tensor out) {
    lock.lock();
    try {
      logitsTask.run(x, table, training, out);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void crossEntropy(Tensor logits, int[] targets, int from, Tensor losses) {
    crossEntropy(logits, targets, from, false, 0, losses);
  }

  private void crossEntropy(
      Tensor logits, int[] targets, int from, boolean backward, float weight, Tensor losses) {
    lock.lock();
    try {
      crossEntropyTask.backward = backward;
      crossEntropyTask.weight = weight;
      crossEntropyTask.logits = HostBuffer.addressOf(logits);
      crossEntropyTask.vocabulary = Math.toIntExact(logits.columns());
      crossEntropyTask.targets = targets;
      crossEntropyTask.from = from;
      crossEntropyTask.losses = HostBuffer.addressOf(losses);
      crossEntropyTask.run(Math.toIntExact(logits.rows()), crossEntropyTask.vocabulary);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void embedBackward(int[] ids, int from, Tensor outGradient, Tensor tableGradient) {
    int channels = Math.toIntExact(outGradient.columns());
    long gradients = HostBuffer.addressOf(outGradient);
    long rows = HostBuffer.addressOf(tableGradient);
    for (int t = 0; t < outGradient.rows(); t++) {
      long row = rows + 4L * channels * ids[from + t];
      RowKernels.add(gradients + 4L * channels * t, row, channels, row);
    }
  }

  @Override
  public void layerNormBackward(
      Tensor x,
      @Nullable Tensor weight,
      float epsilon,
      Tensor outGradient,
      Tensor xGradient,
      @Nullable Tensor weightGradient,
      @Nullable Tensor biasGradient) {
    lock.lock();
    try {
      RowsTask.LayerNormBackward task = layerNormBackwardTask;
      task.x = HostBuffer.addressOf(x);
      task.channels = Math.toIntExact(x.columns());
      task.weight = addressOf(weight);
      task.epsilon = epsilon;
      task.outGradient = HostBuffer.addressOf(outGradient);
      task.xGradient = HostBuffer.addressOf(xGradient);
      task.run(Math.toIntExact(x.rows()), task.channels);
      if (weightGradient != null || biasGradient != null) {
        // Only a model's final normalisation has these: one chain over the rows, not worth threads.
        for (int t = 0; t < x.rows(); t++) {
          long offset = 4L * task.channels * t;
          RowKernels.layerNormParameters(
              task.x + offset,
              task.channels,
              epsilon,
              task.outGradient + offset,
              addressOf(weightGradient),
              addressOf(biasGradient));
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private static long addressOf(@Nullable Tensor tensor) {
    return tensor == null ? 0 : HostBuffer.addressOf(tensor);
  }

  @Override
  public void pattentionBackward(
      Tensor x,
      ParameterTokens tokens,
      SavedScores saved,
      Tensor outGradient,
      ParameterGradients gradients,
      Tensor xGradient) {
    lock.lock();
    try {
      pattentionBackwardTask.run(x, tokens, saved, outGradient, gradients, xGradient);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void attentionBackward(
      Tensor query,
      Tensor key,
      Tensor value,
      int heads,
      List<Sequence> sequences,
      Tensor logSums,
      Tensor out,
      Tensor outGradient,
      Tensor queryGradient,
      Tensor keyGradient,
      Tensor valueGradient) {
    lock.lock();
    try {
      attentionBackwardTask.run(
          query,
          key,
          value,
          heads,
          sequences,
          logSums,
          out,
          outGradient,
          queryGradient,
          keyGradient,
          valueGradient);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void logitsBackward(
      Tensor x,
      Tensor table,
      Tensor outGradient,
      Tensor xGradient,
      @Nullable Tensor tableGradient) {
    lock.lock();
    try {
      logitsBackwardTask.run(x, table, outGradient, xGradient, tableGradient);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void crossEntropyBackward(
      Tensor logits, int[] targets, int from, float weight, Tensor losses) {
    crossEntropy(logits, targets, from, true, weight, losses);
  }

  @Override
  public double sumOfSquares(Tensor tensor) {
    lock.lock();
    try {
      long elements = tensor.shape().elements();
      int piece = RowsTask.SumOfSquares.PIECE;
      int pieces = Math.toIntExact((elements + piece - 1) / piece);
      if (sumOfSquaresTask.sums.length < pieces) {
        sumOfSquaresTask.sums = new double[pieces];
      }
      sumOfSquaresTask.x = HostBuffer.addressOf(tensor);
      sumOfSquaresTask.elements = elements;
      sumOfSquaresTask.run(pieces, piece);
      double sum = 0;
      for (int i = 0; i < pieces; i++) {
        sum += sumOfSquaresTask.sums[i];
      }
      return sum;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void adamw(AdamW step, Tensor weights, Tensor gradient, Tensor first, Tensor second) {
    lock.lock();
    try {
      int piece = RowsTask.AdamStep.PIECE;
      adamTask.step = step;
      adamTask.weights = HostBuffer.addressOf(weights);
      adamTask.gradient = HostBuffer.addressOf(gradient);
      adamTask.first = HostBuffer.addressOf(first);
      adamTask.second = HostBuffer.addressOf(second);
      adamTask.elements = weights.shape().elements();
      adamTask.run(Math.toIntExact((adamTask.elements + piece - 1) / piece), piece);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      workers.close();
    } finally {
      lock.unlock();
    }
  }
}
