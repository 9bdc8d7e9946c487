package org.tokenformer.engine.backend.scalar;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.AdamW;
import org.tokenformer.engine.backend.HostBackend;
import org.tokenformer.engine.backend.ParameterGradients;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The backward and optimiser operations of the reference implementation. In the code, a name that
 * starts with d is the gradient of the quantity that follows.
 */
abstract class ScalarGradients extends HostBackend {
  @Override
  public void embedBackward(int[] ids, int from, Tensor outGradient, Tensor tableGradient) {
    Matrix dy = Matrix.of(outGradient);
    Matrix de = Matrix.of(tableGradient);
    for (int t = 0; t < dy.rows(); t++) {
      for (int c = 0; c < dy.columns(); c++) {
        de.add(ids[from + t], c, dy.get(t, c));
      }
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
    Matrix a = Matrix.of(x);
    Matrix w = weight == null ? null : Matrix.of(weight);
    Matrix dy = Matrix.of(outGradient);
    Matrix dx = Matrix.of(xGradient);
    int channels = a.columns();
    double[][] dw = new double[channels][1];
    double[][] db = new double[channels][1];
    for (int t = 0; t < a.rows(); t++) {
      double[] normal = a.row(t);
      double scale = Rows.normalise(normal, epsilon);
      double[] dNormal = new double[channels];
      double mean = 0;
      double along = 0;
      for (int c = 0; c < channels; c++) {
        dNormal[c] = dy.get(t, c) * (w == null ? 1 : w.get(c, 0));
        mean += dNormal[c] / channels;
        along += dNormal[c] * normal[c] / channels;
        dw[c][0] += dy.get(t, c) * normal[c];
        db[c][0] += dy.get(t, c);
      }
      for (int c = 0; c < channels; c++) {
        dx.add(t, c, scale * (dNormal[c] - mean - normal[c] * along));
      }
    }
    if (weightGradient != null) {
      Matrix.of(weightGradient).addBlock(0, 0, dw);
    }
    if (biasGradient != null) {
      Matrix.of(biasGradient).addBlock(0, 0, db);
    }
  }

  @Override
  public void pattentionBackward(
      Tensor x,
      ParameterTokens tokens,
      SavedScores saved,
      Tensor outGradient,
      ParameterGradients gradients,
      Tensor xGradient) {
    double[][] a = Matrix.of(x).all();
    double[][] dy = Matrix.of(outGradient).all();
    double[][] keys = Rows.inUse(tokens, ParameterTokens.Segment::keys);
    double[][] values = Rows.inUse(tokens, ParameterTokens.Segment::values);
    double[][] theta = new double[a.length][];
    double[][] ds = new double[a.length][];
    for (int t = 0; t < a.length; t++) {
      double[] s = Matrix.of(saved.scores()).row(t);
      theta[t] = Thetas.apply(tokens.theta(), tokens.tau(), s);
      Thetas.drop(saved.dropout(), t, theta[t]);
      double[] dTheta = new double[s.length];
      for (int n = 0; n < s.length; n++) {
        dTheta[n] = Rows.dot(dy[t], values[n]);
      }
      Thetas.drop(saved.dropout(), t, dTheta);
      ds[t] = Thetas.backward(tokens.theta(), tokens.tau(), s, dTheta);
    }
    addProduct(ds, keys, Matrix.of(xGradient));
    int first = 0;
    for (int i = 0; i < tokens.segments().size(); i++) {
      int rows = Math.toIntExact(tokens.segments().get(i).rows());
      ParameterGradients.Segment segment = gradients.segments().get(i);
      if (segment.keys() != null && segment.values() != null) {
        addTransposedProduct(ds, first, rows, a, Matrix.of(segment.keys()));
        addTransposedProduct(theta, first, rows, dy, Matrix.of(segment.values()));
      }
      first += rows;
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
    int size = Math.toIntExact(query.columns()) / heads;
    int first = 0;
    for (Sequence sequence : sequences) {
      int rows = sequence.rows();
      for (int from = 0; from < heads * size; from += size) {
        double[][] q = Matrix.of(query).block(first, rows, from, size);
        double[][] k = Matrix.of(key).block(first, rows, from, size);
        double[][] v = Matrix.of(value).block(first, rows, from, size);
        double[][] dy = Matrix.of(outGradient).block(first, rows, from, size);
        double[][] dq = new double[rows][size];
        double[][] dk = new double[rows][size];
        double[][] dv = new double[rows][size];
        for (int i = 0; i < rows; i++) {
          attendBackward(q[i], k, v, i + 1, dy[i], dq[i], dk, dv);
        }
        Matrix.of(queryGradient).addBlock(first, from, dq);
        Matrix.of(keyGradient).addBlock(first, from, dk);
        Matrix.of(valueGradient).addBlock(first, from, dv);
      }
      first += rows;
    }
  }

  /** Processes a row of a head; recomputes the weights, as log sums were rounded to F32. */
  private static void attendBackward(
      double[] q,
      double[][] k,
      double[][] v,
      int seen,
      double[] dy,
      double[] dq,
      double[][] dk,
      double[][] dv) {
    double[] weights = Rows.scaledScores(q, k, seen);
    Rows.softmax(weights);
    double[] dWeights = new double[seen];
    for (int p = 0; p < seen; p++) {
      dWeights[p] = Rows.dot(dy, v[p]);
    }
    double[] ds = Rows.softmaxBackward(weights, dWeights);
    for (int p = 0; p < seen; p++) {
      for (int c = 0; c < q.length; c++) {
        dq[c] += ds[p] * k[p][c] / Math.sqrt(q.length);
        dk[p][c] += ds[p] * q[c] / Math.sqrt(q.length);
        dv[p][c] += weights[p] * dy[c];
      }
    }
  }

  @Override
  public void logitsBackward(
      Tensor x,
      Tensor table,
      Tensor outGradient,
      Tensor xGradient,
      @Nullable Tensor tableGradient) {
    double[][] a = Matrix.of(x).all();
    double[][] e = Matrix.of(table).all();
    double[][] dy = Matrix.of(outGradient).all();
    addProduct(dy, e, Matrix.of(xGradient));
    if (tableGradient != null) {
      addTransposedProduct(dy, 0, e.length, a, Matrix.of(tableGradient));
    }
  }

  @Override
  public void crossEntropyBackward(
      Tensor logits, int[] targets, int from, float weight, Tensor losses) {
    Matrix a = Matrix.of(logits);
    for (int t = 0; t < a.rows(); t++) {
      int target = targets[from + t];
      double[] p = a.row(t);
      double logSum = Rows.softmax(p);
      Matrix.of(losses).set(t, 0, logSum - a.get(t, target));
      for (int v = 0; v < p.length; v++) {
        a.set(t, v, weight * (p[v] - (v == target ? 1 : 0)));
      }
    }
  }

  @Override
  public double sumOfSquares(Tensor tensor) {
    Matrix a = Matrix.of(tensor);
    double sum = 0;
    for (int i = 0; i < a.rows(); i++) {
      for (int c = 0; c < a.columns(); c++) {
        sum += a.get(i, c) * a.get(i, c);
      }
    }
    return sum;
  }

  @Override
  public void adamw(AdamW step, Tensor weights, Tensor gradient, Tensor first, Tensor second) {
    Matrix w = Matrix.of(weights);
    Matrix m = Matrix.of(first);
    Matrix v = Matrix.of(second);
    for (int i = 0; i < w.rows(); i++) {
      for (int c = 0; c < w.columns(); c++) {
        double g = step.gradientScale() * Matrix.of(gradient).get(i, c);
        double mean = step.beta1() * m.get(i, c) + (1 - step.beta1()) * g;
        double square = step.beta2() * v.get(i, c) + (1 - step.beta2()) * g * g;
        double root = Math.sqrt(square) * step.rootScale() + step.epsilon();
        w.set(i, c, step.shrink() * w.get(i, c) - step.stepSize() * mean / root);
        m.set(i, c, mean);
        v.set(i, c, square);
      }
    }
  }

  /** Computes out += a·b. */
  private static void addProduct(double[][] a, double[][] b, Matrix out) {
    for (int t = 0; t < a.length; t++) {
      double[] sum = new double[out.columns()];
      for (int n = 0; n < b.length; n++) {
        for (int c = 0; c < sum.length; c++) {
          sum[c] += a[t][n] * b[n][c];
        }
      }
      out.addBlock(t, 0, new double[][] {sum});
    }
  }

  /** Computes out += aᵀ·b for {@code columns} columns of a, starting with {@code first}. */
  private static void addTransposedProduct(
      double[][] a, int first, int columns, double[][] b, Matrix out) {
    for (int n = 0; n < columns; n++) {
      double[] sum = new double[out.columns()];
      for (int t = 0; t < a.length; t++) {
        for (int c = 0; c < sum.length; c++) {
          sum[c] += a[t][first + n] * b[t][c];
        }
      }
      out.addBlock(n, 0, new double[][] {sum});
    }
  }
}
