package org.tokenformer.engine.backend.scalar;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The reference implementation: one thread, double arithmetic, plain loops. This class has the
 * forward operations; {@link ScalarGradients} has those for training.
 */
public final class ScalarBackend extends ScalarGradients {
  /** Creates a backend, which has no state. */
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
  public int promptRows(int ids, long weightBytes) {
    return Math.max(1, ids);
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
    for (int t = 0; t < a.rows(); t++) {
      double[] normal = a.row(t);
      Rows.normalise(normal, epsilon);
      for (int c = 0; c < normal.length; c++) {
        y.set(t, c, normal[c] * (w == null ? 1 : w.get(c, 0)) + (b == null ? 0 : b.get(c, 0)));
      }
    }
  }

  @Override
  public void pattention(
      Tensor x, ParameterTokens tokens, @Nullable SavedScores saved, Tensor out) {
    Matrix a = Matrix.of(x);
    Matrix y = Matrix.of(out);
    double[][] keys = Rows.inUse(tokens, ParameterTokens.Segment::keys);
    double[][] values = Rows.inUse(tokens, ParameterTokens.Segment::values);
    for (int t = 0; t < a.rows(); t++) {
      double[] row = a.row(t);
      double[] s = new double[keys.length];
      for (int n = 0; n < s.length; n++) {
        s[n] = Rows.dot(row, keys[n]);
      }
      double[] theta = Thetas.apply(tokens.theta(), tokens.tau(), s);
      if (saved != null) {
        Thetas.drop(saved.dropout(), t, theta);
        Matrix scores = Matrix.of(saved.scores());
        for (int n = 0; n < s.length; n++) {
          scores.set(t, n, s[n]);
        }
      }
      for (int c = 0; c < y.columns(); c++) {
        double sum = 0;
        for (int n = 0; n < theta.length; n++) {
          sum += theta[n] * values[n][c];
        }
        y.set(t, c, sum);
      }
    }
  }

  @Override
  public void thetas(ParameterTokens tokens, SavedScores saved, Tensor out) {
    Matrix scores = Matrix.of(saved.scores());
    Matrix y = Matrix.of(out);
    for (int t = 0; t < y.rows(); t++) {
      double[] theta = Thetas.apply(tokens.theta(), tokens.tau(), scores.row(t));
      for (int n = 0; n < theta.length; n++) {
        y.set(t, n, theta[n]);
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
    int size = Math.toIntExact(query.columns()) / heads;
    int first = 0;
    for (Sequence sequence : sequences) {
      int rows = sequence.rows();
      var keys = new AttendedRows(key, first, sequence, (cache, page) -> cache.keys(page, layer));
      var values =
          new AttendedRows(value, first, sequence, (cache, page) -> cache.values(page, layer));
      keys.append();
      values.append();
      for (int head = 0; head < heads; head++) {
        int from = head * size;
        double[][] q = Matrix.of(query).block(first, rows, from, size);
        double[][] k = keys.head(from, size);
        double[][] v = values.head(from, size);
        for (int i = 0; i < rows; i++) {
          double[] weights = Rows.scaledScores(q[i], k, sequence.start() + i + 1);
          double logSum = Rows.softmax(weights);
          if (logSums != null) {
            Matrix.of(logSums).set(first + i, head, logSum);
          }
          for (int c = 0; c < size; c++) {
            double sum = 0;
            for (int p = 0; p < weights.length; p++) {
              sum += weights[p] * v[p][c];
            }
            Matrix.of(out).set(first + i, from + c, sum);
          }
        }
      }
      first += rows;
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
  public void logits(Tensor x, Tensor table, boolean training, Tensor out) {
    double[][] a = Matrix.of(x).all();
    Matrix e = Matrix.of(table);
    Matrix y = Matrix.of(out);
    for (int v = 0; v < e.rows(); v++) {
      double[] entry = e.row(v);
      for (int t = 0; t < a.length; t++) {
        y.set(t, v, Rows.dot(a[t], entry));
      }
    }
  }

  @Override
  public void crossEntropy(Tensor logits, int[] targets, int from, Tensor losses) {
    Matrix a = Matrix.of(logits);
    Matrix y = Matrix.of(losses);
    for (int t = 0; t < a.rows(); t++) {
      y.set(t, 0, Rows.softmax(a.row(t)) - a.get(t, targets[from + t]));
    }
  }

  @Override
  public void close() {
    // Nothing to stop and nothing to free.
  }
}
