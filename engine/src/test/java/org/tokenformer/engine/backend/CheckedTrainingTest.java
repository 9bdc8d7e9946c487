package org.tokenformer.engine.backend;

import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** Like {@link CheckedBackendTest}, for operations that only training uses. */
final class CheckedTrainingTest extends ArgumentChecks {
  // (T, C) = (4, 6), V = 9, N = 5, C' = 8, 2 heads
  private final Tensor x = f32(4, 6);
  private final Tensor dx = f32(4, 6);
  private final Tensor dy = f32(4, 6);
  private final Tensor table = f32(9, 6);
  private final Tensor dTable = f32(9, 6);
  private final Tensor keys = f32(5, 6);
  private final Tensor values = f32(5, 8);
  private final Tensor wide = f32(4, 8);
  private final Tensor logits = f32(4, 9);
  private final Tensor scores = f32(64, 5);
  private final int[] ids = {0, 8, 3, 3, 1};

  @Test
  void embedBackward() {
    passes("embedBackward", () -> backend.embedBackward(ids, 1, dy, dTable));
    passes("embedBackward", () -> backend.embedBackward(ids, 0, readOnly(dy), dTable));
    for (Tensor bad : List.of(f32(24), f32(), of(DType.BF16, 4, 6), freed(dy))) {
      refused("outGradient", () -> backend.embedBackward(ids, 0, bad, dTable));
    }
    onlyResults(
        "tableGradient",
        dTable,
        bad -> {
          boolean onlyLonger = bad.dtype() == DType.F32 && bad.shape().equals(Shape.of(10, 6));
          backend.embedBackward(ids, 0, dy, onlyLonger ? f32(9, 5) : bad);
        });
    for (int from : new int[] {-1, 2, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      refused(
          IndexOutOfBoundsException.class,
          "ids",
          () -> backend.embedBackward(ids, from, dy, dTable));
    }
    for (int id : new int[] {-1, 9, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      refused(
          IndexOutOfBoundsException.class,
          "ids[3]",
          () -> backend.embedBackward(new int[] {0, 0, 0, id}, 0, dy, dTable));
    }
    apart(
        1, "outGradient tableGradient", t -> backend.embedBackward(ids, 0, t[0], t[1]), dy, dTable);
  }

  @Test
  void layerNormBackward() {
    Tensor w = f32(6);
    Tensor dw = f32(6);
    Tensor db = f32(6);
    String name = "layerNormBackward";
    passes(name, () -> backend.layerNormBackward(x, w, 0, dy, dx, dw, db));
    passes(name, () -> backend.layerNormBackward(x, null, 0, dy, dx, null, null));
    passes(name, () -> backend.layerNormBackward(x, w, 0, x, dx, null, db));
    for (Tensor bad : List.of(f32(24), f32(), of(DType.BF16, 4, 6), freed(x))) {
      refused("x", () -> backend.layerNormBackward(bad, w, 0, dy, dx, dw, db));
    }
    for (Tensor bad : List.of(f32(5), f32(7), f32(1, 6), f32(), of(DType.BF16, 6), freed(w))) {
      refused("weight", () -> backend.layerNormBackward(x, bad, 0, dy, dx, dw, db));
    }
    for (float epsilon : new float[] {-1, Float.NaN}) {
      refused("epsilon", () -> backend.layerNormBackward(x, w, epsilon, dy, dx, dw, db));
    }
    onlyActivations("outGradient", dy, d -> backend.layerNormBackward(x, w, 0, d, dx, dw, db));
    onlyResults("xGradient", dx, d -> backend.layerNormBackward(x, w, 0, dy, d, dw, db));
    onlyGradients("weightGradient", 6, d -> backend.layerNormBackward(x, w, 0, dy, dx, d, db));
    onlyGradients("biasGradient", 6, d -> backend.layerNormBackward(x, w, 0, dy, dx, dw, d));
    apart(
        3,
        "x weight outGradient xGradient weightGradient biasGradient",
        t -> backend.layerNormBackward(t[0], t[1], 0, t[2], t[3], t[4], t[5]),
        x,
        w,
        dy,
        dx,
        dw,
        db);
  }

  private static ParameterTokens tokens(Tensor keys, Tensor values) {
    return ParameterTokens.of(Theta.SOFTMAX, 1, keys, values);
  }

  private static SavedScores saved(Tensor scores) {
    return new SavedScores(scores, Dropout.NONE);
  }

  private static ParameterGradients gradients(Tensor keys, Tensor values) {
    return new ParameterGradients(List.of(new ParameterGradients.Segment(keys, values)));
  }

  @Test
  void pattentionThatKeepsItsScores() {
    ParameterTokens tokens = tokens(keys, values);
    passes("pattention", () -> backend.pattention(x, tokens, saved(scores), wide));
    onlyResults("scores", scores, bad -> backend.pattention(x, tokens, saved(bad), wide));
    apart(
        3,
        "x keys values scores out",
        t -> backend.pattention(t[0], tokens(t[1], t[2]), saved(t[3]), t[4]),
        x,
        keys,
        values,
        scores,
        wide);
    for (float rate : new float[] {-0.1f, 1, Float.NaN, Float.POSITIVE_INFINITY}) {
      assertThrows(IllegalArgumentException.class, () -> new Dropout(rate, 1));
    }
  }

  @Test
  void thetas() {
    ParameterTokens tokens = tokens(keys, values);
    Tensor thetas = f32(4, 5);
    passes("thetas", () -> backend.thetas(tokens, saved(scores), thetas));
    onlyResults(
        "out",
        thetas,
        bad -> {
          boolean onlyLonger = bad.dtype() == DType.F32 && bad.shape().equals(Shape.of(5, 5));
          backend.thetas(tokens, saved(scores), onlyLonger ? f32(4, 4) : bad);
        });
    onlyActivations("scores", scores, bad -> backend.thetas(tokens, saved(bad), thetas));
    refused("scores", () -> backend.thetas(tokens, saved(scores), f32(65, 5)));
    apart(
        3,
        "keys values scores out",
        t -> backend.thetas(tokens(t[0], t[1]), saved(t[2]), t[3]),
        keys,
        values,
        scores,
        thetas);
    refused("keys", () -> backend.thetas(tokens(freed(keys), values), saved(scores), thetas));
  }

  @Test
  void pattentionBackward() {
    String name = "pattentionBackward";
    Tensor dk = f32(5, 6);
    Tensor dv = f32(5, 8);
    ParameterTokens tokens = tokens(keys, values);
    SavedScores saved = saved(scores);
    ParameterGradients good = gradients(dk, dv);
    passes(name, () -> backend.pattentionBackward(x, tokens, saved, wide, good, dx));
    ParameterGradients longer = gradients(f32(7, 6), f32(6, 8));
    passes(name, () -> backend.pattentionBackward(x, tokens, saved, wide, longer, dx));
    ParameterGradients frozen = new ParameterGradients(List.of(ParameterGradients.Segment.FROZEN));
    passes(name, () -> backend.pattentionBackward(x, tokens, saved, wide, frozen, dx));
    for (Tensor bad : List.of(f32(4, 7), f32(24), f32(), of(DType.BF16, 4, 6), freed(x))) {
      refused("x", () -> backend.pattentionBackward(bad, tokens, saved, wide, good, dx));
    }
    for (Tensor bad : List.of(of(DType.F16, 5, 6), of(DType.I8, 5, 6), freed(keys))) {
      ParameterTokens other = tokens(bad, values);
      refused("keys", () -> backend.pattentionBackward(x, other, saved, wide, good, dx));
    }
    for (Tensor bad : List.of(of(DType.F16, 5, 8), of(DType.F64, 5, 8), freed(values))) {
      ParameterTokens other = tokens(keys, bad);
      refused("values", () -> backend.pattentionBackward(x, other, saved, wide, good, dx));
    }
    onlyActivations(
        "outGradient", wide, d -> backend.pattentionBackward(x, tokens, saved, d, good, dx));
    onlyActivations(
        "scores", scores, s -> backend.pattentionBackward(x, tokens, saved(s), wide, good, dx));
    onlyResults("xGradient", dx, d -> backend.pattentionBackward(x, tokens, saved, wide, good, d));
    for (Tensor bad :
        List.of(f32(4, 6), f32(5, 7), f32(30), of(DType.BF16, 5, 6), readOnly(dk), freed(dk))) {
      ParameterGradients wrong = gradients(bad, dv);
      refused("keysGradient", () -> backend.pattentionBackward(x, tokens, saved, wide, wrong, dx));
    }
    for (Tensor bad :
        List.of(f32(4, 8), f32(5, 7), f32(40), of(DType.BF16, 5, 8), readOnly(dv), freed(dv))) {
      ParameterGradients wrong = gradients(dk, bad);
      refused(
          "valuesGradient", () -> backend.pattentionBackward(x, tokens, saved, wide, wrong, dx));
    }
  }

  @Test
  void parameterGradientsOfSegments() {
    ParameterGradients.Segment one = new ParameterGradients.Segment(f32(5, 6), f32(5, 8));
    ParameterTokens tokens = tokens(keys, values);
    for (List<ParameterGradients.Segment> wrong :
        List.of(List.<ParameterGradients.Segment>of(), List.of(one, one))) {
      ParameterGradients number = new ParameterGradients(wrong);
      refused(
          "gradients",
          () -> backend.pattentionBackward(x, tokens, saved(scores), wide, number, dx));
    }
    assertThrows(
        IllegalArgumentException.class, () -> new ParameterGradients.Segment(null, values));
    assertThrows(IllegalArgumentException.class, () -> new ParameterGradients.Segment(keys, null));
    ParameterTokens.Segment first = ParameterTokens.Segment.of(keys, values);
    apart(
        5,
        "x keys values scores outGradient keysGradient valuesGradient keysGradient valuesGradient"
            + " xGradient",
        t ->
            backend.pattentionBackward(
                t[0],
                new ParameterTokens(
                    Theta.SOFTMAX, 1, List.of(first, ParameterTokens.Segment.of(t[1], t[2]))),
                saved(t[3]),
                t[4],
                new ParameterGradients(
                    List.of(
                        new ParameterGradients.Segment(t[5], t[6]),
                        new ParameterGradients.Segment(t[7], t[8]))),
                t[9]),
        x,
        f32(3, 6),
        f32(3, 8),
        f32(64, 8),
        wide,
        f32(5, 6),
        f32(5, 8),
        f32(3, 6),
        f32(3, 8),
        dx);
  }

  @Test
  void attentionThatKeepsItsSums() {
    Tensor sums = f32(4, 2);
    Tensor out = f32(4, 6);
    List<Sequence> batch = List.of(new Sequence(4, 0, null));
    passes("attention", () -> backend.attention(x, x, x, 2, 0, batch, sums, out));
    onlyResults("logSums", sums, bad -> backend.attention(x, x, x, 2, 0, batch, bad, out));
    apart(
        3,
        "query key value logSums out",
        t -> backend.attention(t[0], t[1], t[2], 2, 0, batch, t[3], t[4]),
        x,
        f32(4, 6),
        f32(4, 6),
        sums,
        out);
    KeyValueCache cache = cache(1, DType.F32, 8, 6);
    List<Sequence> cached = List.of(new Sequence(4, 1, cache));
    Tensor keys = cache.keys(0, 0).view(sums.shape());
    overlaps("logSums", "cache", () -> backend.attention(x, x, x, 2, 0, cached, keys, out));
    Tensor values = cache.values(0, 0).rows(9, 4);
    overlaps("out", "cache", () -> backend.attention(x, x, x, 2, 0, cached, sums, values));
  }

  @Test
  void attentionBackward() {
    String name = "attentionBackward";
    Tensor sums = f32(4, 2);
    Tensor dk = f32(4, 6);
    Tensor dv = f32(4, 6);
    List<Sequence> batch = List.of(new Sequence(3, 0, null), new Sequence(1, 0, null));
    passes(name, () -> backend.attentionBackward(x, x, x, 2, batch, sums, x, dy, dx, dk, dv));
    onlyActivations(
        "query",
        x,
        bad -> {
          boolean onlyWide = bad.dtype() == DType.F32 && bad.shape().equals(Shape.of(4, 7));
          Tensor q = onlyWide ? f32(5, 6) : bad;
          backend.attentionBackward(q, x, x, 2, batch, sums, x, dy, dx, dk, dv);
        });
    onlyActivations(
        "key", x, k -> backend.attentionBackward(x, k, x, 2, batch, sums, x, dy, dx, dk, dv));
    onlyActivations(
        "value", x, v -> backend.attentionBackward(x, x, v, 2, batch, sums, x, dy, dx, dk, dv));
    onlyActivations(
        "logSums", sums, s -> backend.attentionBackward(x, x, x, 2, batch, s, x, dy, dx, dk, dv));
    onlyActivations(
        "out", x, y -> backend.attentionBackward(x, x, x, 2, batch, sums, y, dy, dx, dk, dv));
    onlyActivations(
        "outGradient",
        dy,
        d -> backend.attentionBackward(x, x, x, 2, batch, sums, x, d, dx, dk, dv));
    onlyResults(
        "queryGradient",
        dx,
        d -> backend.attentionBackward(x, x, x, 2, batch, sums, x, dy, d, dk, dv));
    onlyResults(
        "keyGradient",
        dk,
        d -> backend.attentionBackward(x, x, x, 2, batch, sums, x, dy, dx, d, dv));
    onlyResults(
        "valueGradient",
        dv,
        d -> backend.attentionBackward(x, x, x, 2, batch, sums, x, dy, dx, dk, d));
    for (int heads : new int[] {0, -2, 4, 12}) {
      refused(
          "heads", () -> backend.attentionBackward(x, x, x, heads, batch, sums, x, dy, dx, dk, dv));
    }
    KeyValueCache cache = cache(1, DType.F32, 8, 6);
    List<Sequence> cached = List.of(new Sequence(3, 0, null), new Sequence(1, 0, cache));
    refused(
        "sequences", () -> backend.attentionBackward(x, x, x, 2, cached, sums, x, dy, dx, dk, dv));
    apart(
        6,
        "query key value logSums out outGradient queryGradient keyGradient valueGradient",
        t ->
            backend.attentionBackward(
                t[0], t[1], t[2], 2, batch, t[3], t[4], t[5], t[6], t[7], t[8]),
        x,
        f32(4, 6),
        f32(4, 6),
        sums,
        f32(4, 6),
        dy,
        dx,
        dk,
        dv);
  }

  @Test
  void logitsBackward() {
    passes("logitsBackward", () -> backend.logitsBackward(x, table, logits, dx, dTable));
    onlyWeights("table", f32(9, 6), bad -> backend.logitsBackward(x, bad, logits, dx, dTable));
    for (Tensor bad : List.of(f32(4, 7), f32(24), f32(), of(DType.BF16, 4, 6), freed(x))) {
      refused("x", () -> backend.logitsBackward(bad, table, logits, dx, dTable));
    }
    onlyActivations("outGradient", logits, d -> backend.logitsBackward(x, table, d, dx, dTable));
    onlyResults("xGradient", dx, d -> backend.logitsBackward(x, table, logits, d, dTable));
    onlyResults("tableGradient", dTable, d -> backend.logitsBackward(x, table, logits, dx, d));
    apart(
        3,
        "x table outGradient xGradient tableGradient",
        t -> backend.logitsBackward(t[0], t[1], t[2], t[3], t[4]),
        x,
        table,
        logits,
        dx,
        dTable);
  }

  @Test
  void crossEntropyBackward() {
    Tensor losses = f32(4);
    String name = "crossEntropyBackward";
    passes(name, () -> backend.crossEntropyBackward(logits, ids, 1, 1, losses));
    for (Tensor bad :
        List.of(f32(36), f32(), of(DType.BF16, 4, 9), freed(logits), readOnly(logits))) {
      refused("logits", () -> backend.crossEntropyBackward(bad, ids, 0, 1, losses));
    }
    onlyGradients("losses", 4, bad -> backend.crossEntropyBackward(logits, ids, 0, 1, bad));
    for (int from : new int[] {-1, 2, Integer.MAX_VALUE}) {
      refused(
          IndexOutOfBoundsException.class,
          "targets",
          () -> backend.crossEntropyBackward(logits, ids, from, 1, losses));
    }
    for (int id : new int[] {-1, 9}) {
      refused(
          IndexOutOfBoundsException.class,
          "targets[1]",
          () -> backend.crossEntropyBackward(logits, new int[] {0, id, 0, 0}, 0, 1, losses));
    }
    apart(
        0,
        "logits losses",
        t -> backend.crossEntropyBackward(t[0], ids, 0, 1, t[1]),
        logits,
        losses);
  }

  @Test
  void sumOfSquares() {
    for (Tensor good : List.of(x, f32(7), f32(2, 3, 4), f32(0, 5), readOnly(x))) {
      passes("sumOfSquares", () -> backend.sumOfSquares(good));
    }
    for (DType dtype : List.of(DType.BF16, DType.F64, DType.I32)) {
      refused("tensor", () -> backend.sumOfSquares(of(dtype, 4, 6)));
    }
    refused(IllegalStateException.class, "tensor", () -> backend.sumOfSquares(freed(x)));
  }

  private static AdamW step(long t) {
    return new AdamW(1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, t, 1);
  }

  @Test
  void adamw() {
    for (Tensor like : List.of(x, f32(7), f32(2, 3, 4))) {
      Tensor[] t = new Tensor[4];
      Arrays.setAll(t, i -> of(DType.F32, like.shape()));
      passes("adamw", () -> backend.adamw(step(1), t[0], t[1], t[2], t[3]));
    }
    Tensor[] good = {x, dx, dy, f32(4, 6)};
    List<String> names = List.of("weights", "gradient", "first", "second");
    for (int i = 0; i < good.length; i++) {
      int at = i;
      Call call =
          bad -> {
            Tensor[] t = good.clone();
            t[at] = bad;
            backend.adamw(step(1), t[0], t[1], t[2], t[3]);
          };
      String name = names.get(i);
      for (Tensor bad :
          List.of(f32(4, 7), f32(24), f32(), of(DType.BF16, 4, 6), readOnly(good[i]))) {
        // All are compared with the weights, so other weights make the gradient invalid.
        boolean otherWeights = i == 0 && bad.dtype() == DType.F32 && bad.columns() != 6;
        String wrong = otherWeights ? "gradient" : name;
        refused(IllegalArgumentException.class, wrong, () -> call.with(bad));
      }
      refused(IllegalStateException.class, name, () -> call.with(freed(good[at])));
    }
    for (long t : new long[] {0, -1, Long.MIN_VALUE}) {
      refused("step", () -> backend.adamw(step(t), good[0], good[1], good[2], good[3]));
    }
    apart(
        0,
        "weights gradient first second",
        t -> backend.adamw(step(1), t[0], t[1], t[2], t[3]),
        good);
  }
}
