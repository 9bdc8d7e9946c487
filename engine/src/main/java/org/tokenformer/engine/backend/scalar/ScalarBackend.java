package org.tokenformer.engine.backend.scalar;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.AdamW;
import org.tokenformer.engine.backend.HostBackend;
import org.tokenformer.engine.backend.KeyValueCache;
import org.tokenformer.engine.backend.ParameterGradients;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.tensor.Tensor;

/** The reference: one thread, double arithmetic, one obvious loop after the other. */
public final class ScalarBackend extends HostBackend {
  /** A backend without state. */
  public ScalarBackend() {}

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public String description() {
    return "scalar reference, 1 thread (slow)";
  }

  @Override
  public int threads() {
    return 1;
  }

  @Override
  public void embed(Tensor table, int[] ids, int from, Tensor out) {
    Matrix e = Matrix.of(table);
    Matrix y = Matrix.of(out);
    for (int t = 0; t < y.rows(); t++) {
      for (int c = 0; c < y.columns(); c++) {
        y.set(t, c, e.get(ids[from + t], c));
      }
    }
  }

  @Override
  public void layerNorm(
      Tensor x, @Nullable Tensor weight, @Nullable Tensor bias, float epsilon, Tensor out) {
    Matrix a = Matrix.of(x);
    Matrix y = Matrix.of(out);
    Matrix w = weight == null ? null : Matrix.of(weight);
    Matrix b = bias == null ? null : Matrix.of(bias);
    int channels = a.columns();
    for (int t = 0; t < a.rows(); t++) {
      double mean = 0;
      for (int c = 0; c < channels; c++) {
        mean += a.get(t, c) / channels;
      }
      double variance = 0;
      for (int c = 0; c < channels; c++) {
        double difference = a.get(t, c) - mean;
        variance += difference * difference / channels;
      }
      double scale = 1 / Math.sqrt(variance + epsilon);
      for (int c = 0; c < channels; c++) {
        double normal = (a.get(t, c) - mean) * scale;
        y.set(t, c, normal * (w == null ? 1 : w.get(c, 0)) + (b == null ? 0 : b.get(c, 0)));
      }
    }
  }

  @Override
  public void pattention(
      Tensor x, ParameterTokens tokens, @Nullable SavedScores saved, Tensor out) {
    Matrix a = Matrix.of(x);
    Matrix y = Matrix.of(out);
    double[] theta = new double[Math.toIntExact(tokens.count())];
    double[] sum = new double[y.columns()];
    for (int t = 0; t < a.rows(); t++) {
      int n = 0;
      for (ParameterTokens.Segment segment : tokens.segments()) {
        Matrix keys = Matrix.of(segment.keys());
        for (int row = 0; row < segment.rows(); row++) {
          theta[n++] = dot(a, t, 0, keys, row, 0, a.columns());
        }
      }
      applyTheta(tokens.theta(), tokens.tau(), theta);
      Arrays.fill(sum, 0);
      n = 0;
      for (ParameterTokens.Segment segment : tokens.segments()) {
        Matrix values = Matrix.of(segment.values());
        for (int row = 0; row < segment.rows(); row++, n++) {
          for (int c = 0; c < sum.length; c++) {
            sum[c] += theta[n] * values.get(row, c);
          }
        }
      }
      for (int c = 0; c < sum.length; c++) {
        y.set(t, c, sum[c]);
      }
    }
  }

  /** Replaces the scores of one token by Θ of them. */
  private static void applyTheta(Theta kind, double tau, double[] s) {
    switch (kind) {
      case L2_NORM_GELU -> {
        double norm = norm(s);
        for (int n = 0; n < s.length; n++) {
          s[n] = norm == 0 ? 0 : Erf.gelu(tau * s[n] / norm);
        }
      }
      case GELU_L2_NORM -> {
        for (int n = 0; n < s.length; n++) {
          s[n] = Erf.gelu(s[n]);
        }
        double norm = norm(s);
        for (int n = 0; n < s.length; n++) {
          s[n] = norm == 0 ? 0 : tau * s[n] / norm;
        }
      }
      case SOFTMAX -> {
        softmax(s, s.length);
        for (int n = 0; n < s.length; n++) {
          s[n] *= tau;
        }
      }
    }
  }

  @Override
  public void rotary(Tensor x, int heads, RotaryTable table, List<Sequence> sequences) {
    Matrix a = Matrix.of(x);
    Matrix cosine = Matrix.of(table.cosine());
    Matrix sine = Matrix.of(table.sine());
    int half = table.dimensions() / 2;
    int row = 0;
    for (Sequence sequence : sequences) {
      for (int i = 0; i < sequence.rows(); i++, row++) {
        int position = sequence.start() + i;
        for (int head = 0; head < heads; head++) {
          int first = head * (a.columns() / heads);
          for (int c = 0; c < half; c++) {
            double u = a.get(row, first + c);
            double v = a.get(row, first + c + half);
            double cos = cosine.get(position, c);
            double sin = sine.get(position, c);
            a.set(row, first + c, u * cos - v * sin);
            a.set(row, first + c + half, v * cos + u * sin);
          }
        }
      }
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
    int first = 0;
    for (Sequence sequence : sequences) {
      int rows = sequence.rows();
      Tensor keys = key.rows(first, rows);
      Tensor values = value.rows(first, rows);
      KeyValueCache cache = sequence.cache();
      if (cache != null) {
        keys = append(keys, cache.keys().get(layer), sequence.start());
        values = append(values, cache.values().get(layer), sequence.start());
      }
      for (int i = 0; i < rows; i++) {
        for (int head = 0; head < heads; head++) {
          attend(
              Matrix.of(query),
              first + i,
              head,
              heads,
              Matrix.of(keys),
              Matrix.of(values),
              sequence.start() + i + 1,
              Matrix.of(out));
        }
      }
      first += rows;
    }
  }

  private static Tensor append(Tensor rows, Tensor cache, int start) {
    Matrix from = Matrix.of(rows);
    Matrix to = Matrix.of(cache);
    for (int i = 0; i < from.rows(); i++) {
      for (int c = 0; c < from.columns(); c++) {
        to.set(start + i, c, from.get(i, c));
      }
    }
    return cache;
  }

  /** One row of one head over the first {@code seen} positions. */
  private static void attend(
      Matrix query,
      int row,
      int head,
      int heads,
      Matrix keys,
      Matrix values,
      int seen,
      Matrix out) {
    int size = query.columns() / heads;
    int first = head * size;
    double[] weights = new double[seen];
    for (int p = 0; p < seen; p++) {
      weights[p] = dot(query, row, first, keys, p, first, size) / Math.sqrt(size);
    }
    softmax(weights, seen);
    for (int c = first; c < first + size; c++) {
      double sum = 0;
      for (int p = 0; p < seen; p++) {
        sum += weights[p] * values.get(p, c);
      }
      out.set(row, c, sum);
    }
  }

  @Override
  public void add(Tensor x, Tensor y, Tensor out) {
    Matrix a = Matrix.of(x);
    Matrix b = Matrix.of(y);
    Matrix sum = Matrix.of(out);
    for (int t = 0; t < a.rows(); t++) {
      for (int c = 0; c < a.columns(); c++) {
        sum.set(t, c, a.get(t, c) + b.get(t, c));
      }
    }
  }

  @Override
  public void logits(Tensor x, Tensor table, Tensor out) {
    Matrix a = Matrix.of(x);
    Matrix e = Matrix.of(table);
    Matrix y = Matrix.of(out);
    for (int t = 0; t < a.rows(); t++) {
      for (int v = 0; v < e.rows(); v++) {
        y.set(t, v, dot(a, t, 0, e, v, 0, a.columns()));
      }
    }
  }

  @Override
  public void crossEntropy(Tensor logits, int[] targets, int from, Tensor losses) {
    Matrix a = Matrix.of(logits);
    Matrix y = Matrix.of(losses);
    for (int t = 0; t < a.rows(); t++) {
      double max = Double.NEGATIVE_INFINITY;
      for (int v = 0; v < a.columns(); v++) {
        max = Math.max(max, a.get(t, v));
      }
      double sum = 0;
      for (int v = 0; v < a.columns(); v++) {
        sum += Math.exp(a.get(t, v) - max);
      }
      y.set(t, 0, Math.log(sum) + max - a.get(t, targets[from + t]));
    }
  }

  @Override
  public void embedBackward(int[] ids, int from, Tensor outGradient, Tensor tableGradient) {
    throw new UnsupportedOperationException();
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
    throw new UnsupportedOperationException();
  }

  @Override
  public void pattentionBackward(
      Tensor x,
      ParameterTokens tokens,
      SavedScores saved,
      Tensor outGradient,
      ParameterGradients gradients,
      Tensor xGradient) {
    throw new UnsupportedOperationException();
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
    throw new UnsupportedOperationException();
  }

  @Override
  public void logitsBackward(
      Tensor x, Tensor table, Tensor outGradient, Tensor xGradient, Tensor tableGradient) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void crossEntropyBackward(
      Tensor logits, int[] targets, int from, float weight, Tensor losses) {
    throw new UnsupportedOperationException();
  }

  @Override
  public double sumOfSquares(Tensor tensor) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void adamw(AdamW step, Tensor weights, Tensor gradient, Tensor first, Tensor second) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {
    // Nothing to stop and nothing to free.
  }

  private static double dot(
      Matrix a, int rowA, int firstA, Matrix b, int rowB, int firstB, int count) {
    double sum = 0;
    for (int c = 0; c < count; c++) {
      sum += a.get(rowA, firstA + c) * b.get(rowB, firstB + c);
    }
    return sum;
  }

  private static double norm(double[] s) {
    double sum = 0;
    for (double v : s) {
      sum += v * v;
    }
    return Math.sqrt(sum);
  }

  private static void softmax(double[] s, int count) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      max = Math.max(max, s[i]);
    }
    double sum = 0;
    for (int i = 0; i < count; i++) {
      s[i] = Math.exp(s[i] - max);
      sum += s[i];
    }
    for (int i = 0; i < count; i++) {
      s[i] /= sum;
    }
  }
}
