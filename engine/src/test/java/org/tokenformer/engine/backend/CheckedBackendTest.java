package org.tokenformer.engine.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** Every invalid argument is rejected by name before anything is computed. */
final class CheckedBackendTest extends ArgumentChecks {
  // (T, C) = (4, 6), V = 9, N = 5, C' = 8, 2 heads, R = 2
  private final Tensor x = f32(4, 6);
  private final Tensor out = f32(4, 6);
  private final Tensor table = f32(9, 6);
  private final Tensor keys = f32(5, 6);
  private final Tensor values = f32(5, 8);
  private final Tensor wide = f32(4, 8);
  private final Tensor scores = f32(4, 9);
  private final RotaryTable angles = new RotaryTable(f32(7, 1), f32(7, 1));
  private final int[] ids = {0, 8, 3, 3, 1};
  private static final List<Sequence> FOUR = List.of(new Sequence(4, 0, null));

  @Test
  void moving() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(96);
      passes("upload", () -> backend.upload(memory, x));
      passes("download", () -> backend.download(x, memory));
      for (long size : new long[] {0, 95, 97}) {
        MemorySegment other = arena.allocate(size);
        refused("source", () -> backend.upload(other, x));
        refused("destination", () -> backend.download(x, other));
      }
      refused(IllegalStateException.class, "destination", () -> backend.upload(memory, freed(x)));
      refused(IllegalStateException.class, "source", () -> backend.download(freed(x), memory));
      refused("destination", () -> backend.upload(memory, readOnly(x)));
    }
    passes("copy", () -> backend.copy(x, out));
    passes("copy", () -> backend.copy(x, f32(24)));
    passes("zero", () -> backend.zero(x));
    overlaps("destination", "source", () -> backend.copy(x, x));
    Tensor big = f32(5, 6);
    overlaps("destination", "source", () -> backend.copy(big.rows(0, 4), shiftedInto(big, 4, 6)));
    refused("destination", () -> backend.copy(x, f32(4, 5)));
    refused("destination", () -> backend.copy(x, of(DType.BF16, 8, 6)));
    refused(IllegalStateException.class, "source", () -> backend.copy(freed(x), out));
    refused(IllegalStateException.class, "destination", () -> backend.copy(x, freed(out)));
    refused("destination", () -> backend.copy(x, readOnly(out)));
    refused(IllegalStateException.class, "tensor", () -> backend.zero(freed(x)));
    refused("tensor", () -> backend.zero(readOnly(x)));
  }

  @Test
  void embed() {
    passes("embed", () -> backend.embed(table, ids, 1, out));
    passes("embed", () -> backend.embed(of(DType.BF16, 9, 6), ids, 0, out));
    passes("embed", () -> backend.embed(readOnly(table), ids, 0, out));
    onlyWeights("table", table, bad -> backend.embed(bad, ids, 0, out));
    for (Tensor bad : List.of(f32(4, 5), f32(24), f32(), of(DType.BF16, 4, 6), readOnly(out))) {
      refused(IllegalArgumentException.class, "out", () -> backend.embed(table, ids, 0, bad));
    }
    refused(IllegalStateException.class, "out", () -> backend.embed(table, ids, 0, freed(out)));
    overlaps("out", "table", () -> backend.embed(table, ids, 0, table.rows(3, 4)));
    for (int from : new int[] {-1, 2, 5, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      refused(IndexOutOfBoundsException.class, "ids", () -> backend.embed(table, ids, from, out));
    }
    for (int id : new int[] {-1, 9, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      refused(
          IndexOutOfBoundsException.class,
          "ids[3]",
          () -> backend.embed(table, new int[] {0, 0, 0, id}, 0, out));
      passes("embed", () -> backend.embed(table, new int[] {id, 0, 0, 0, 0, id}, 1, out));
    }
  }

  @Test
  void layerNorm() {
    Tensor w = f32(6);
    passes("layerNorm", () -> backend.layerNorm(x, w, w, 1e-5f, out));
    passes("layerNorm", () -> backend.layerNorm(x, null, null, 0, x));
    for (Tensor bad : List.of(f32(24), f32(), of(DType.BF16, 4, 6))) {
      refused("x", () -> backend.layerNorm(bad, null, null, 1e-5f, out));
    }
    onlyResults("out", out, bad -> backend.layerNorm(x, null, null, 1e-5f, bad));
    for (Tensor bad : List.of(f32(5), f32(7), f32(1, 6), f32(), of(DType.BF16, 6))) {
      refused("weight", () -> backend.layerNorm(x, bad, w, 1e-5f, out));
      refused("bias", () -> backend.layerNorm(x, w, bad, 1e-5f, out));
    }
    refused(IllegalStateException.class, "x", () -> backend.layerNorm(freed(x), w, w, 0, out));
    refused(IllegalStateException.class, "weight", () -> backend.layerNorm(x, freed(w), w, 0, out));
    refused(IllegalStateException.class, "bias", () -> backend.layerNorm(x, w, freed(w), 0, out));
    for (float epsilon : new float[] {-1, Float.NaN, Float.NEGATIVE_INFINITY}) {
      refused("epsilon", () -> backend.layerNorm(x, w, w, epsilon, out));
    }
    Tensor big = f32(5, 6);
    overlaps("out", "x", () -> backend.layerNorm(big.rows(0, 4), w, w, 0, big.rows(1, 4)));
    Tensor inside = new Tensor(out.buffer(), 8, DType.F32, Shape.of(6));
    overlaps("out", "weight", () -> backend.layerNorm(x, inside, null, 0, out));
    overlaps("out", "bias", () -> backend.layerNorm(x, null, inside, 0, out));
  }

  private static ParameterTokens tokens(Tensor keys, Tensor values) {
    return ParameterTokens.of(Theta.SOFTMAX, 1, keys, values);
  }

  @Test
  void pattention() {
    passes("pattention", () -> backend.pattention(x, tokens(keys, values), wide));
    onlyActivations(
        "x",
        f32(4, 6),
        bad -> {
          Tensor result = bad.shape().rank() == 2 ? f32(bad.rows(), 8) : wide;
          boolean onlyRows = bad.dtype() == DType.F32 && bad.shape().equals(Shape.of(5, 6));
          backend.pattention(onlyRows ? f32(4, 7) : bad, tokens(keys, values), result);
        });
    onlyResults("out", wide, bad -> backend.pattention(x, tokens(keys, values), bad));
    for (Tensor bad : List.of(of(DType.F16, 5, 6), of(DType.I8, 5, 6), freed(keys))) {
      refused("keys", () -> backend.pattention(x, tokens(bad, values), wide));
    }
    for (Tensor bad : List.of(of(DType.F16, 5, 8), of(DType.F64, 5, 8), freed(values))) {
      refused("values", () -> backend.pattention(x, tokens(keys, bad), wide));
    }
    Tensor square = f32(6, 6);
    overlaps("out", "x", () -> backend.pattention(x, tokens(keys, keys), x));
    overlaps(
        "out", "keys", () -> backend.pattention(x, tokens(square, f32(6, 6)), square.rows(2, 4)));
    overlaps(
        "out", "values", () -> backend.pattention(x, tokens(f32(6, 6), square), square.rows(2, 4)));
    assertThrows(IllegalArgumentException.class, () -> tokens(keys, f32(4, 8)));
    for (float tau : new float[] {0, -1, Float.NaN, Float.POSITIVE_INFINITY}) {
      assertThrows(
          IllegalArgumentException.class,
          () -> ParameterTokens.of(Theta.SOFTMAX, tau, keys, values));
    }
    assertThrows(
        IllegalArgumentException.class, () -> new ParameterTokens(Theta.SOFTMAX, 1, List.of()));
    ParameterTokens.Segment segment = ParameterTokens.Segment.of(keys, values);
    ParameterTokens.Segment other = ParameterTokens.Segment.of(f32(5, 7), values);
    assertThrows(
        IllegalArgumentException.class,
        () -> new ParameterTokens(Theta.SOFTMAX, 1, List.of(segment, other)));
    for (long rows : new long[] {-1, 6}) {
      assertThrows(
          IllegalArgumentException.class,
          () -> new ParameterTokens.Segment(keys, values, rows, true));
    }
  }

  @Test
  void rotary() {
    List<Sequence> batch = List.of(new Sequence(3, 0, null), new Sequence(1, 0, null));
    passes("rotary", () -> backend.rotary(x, 2, angles, batch));
    onlyResults(
        "x",
        f32(4, 6),
        bad -> {
          boolean onlyWide = bad.dtype() == DType.F32 && bad.shape().equals(Shape.of(4, 7));
          backend.rotary(onlyWide ? f32(5, 6) : bad, 2, angles, batch);
        });
    for (int heads : new int[] {0, -1, 4, 7, Integer.MIN_VALUE}) {
      refused("heads", () -> backend.rotary(x, heads, angles, batch));
    }
    refused("table", () -> backend.rotary(x, 2, new RotaryTable(f32(7, 2), f32(7, 2)), batch));
    refused("sine", () -> backend.rotary(x, 2, new RotaryTable(f32(7, 1), f32(6, 1)), batch));
    refused(
        "cosine",
        () -> backend.rotary(x, 2, new RotaryTable(of(DType.F64, 7, 1), f32(7, 1)), batch));
    refused(
        IllegalStateException.class,
        "cosine",
        () -> backend.rotary(x, 2, new RotaryTable(freed(f32(7, 1)), f32(7, 1)), batch));
    refused(
        "sequences", () -> backend.rotary(f32(8, 6), 2, angles, List.of(new Sequence(8, 0, null))));
    refused(
        "sequences",
        () -> backend.rotary(x, 2, angles, List.of(new Sequence(4, 4, cache(DType.F32, 9, 6)))));
    refused("x", () -> backend.rotary(x, 2, angles, List.of()));
    Tensor shared = f32(7, 1);
    Tensor inside = new Tensor(x.buffer(), 8, DType.F32, Shape.of(7, 1));
    overlaps("x", "cosine", () -> backend.rotary(x, 2, new RotaryTable(inside, shared), batch));
    overlaps("x", "sine", () -> backend.rotary(x, 2, new RotaryTable(shared, inside), batch));
  }

  private KeyValueCache cache(DType dtype, int capacity, int channels) {
    return cache(2, dtype, capacity, channels);
  }

  private static List<Sequence> of(KeyValueCache cache) {
    return List.of(new Sequence(4, 1, cache));
  }

  @Test
  void attention() {
    Tensor k = f32(4, 6);
    Tensor v = f32(4, 6);
    List<Sequence> batch = of(cache(DType.F32, 8, 6));
    passes("attention", () -> backend.attention(x, k, v, 2, 1, batch, out));
    passes("attention", () -> backend.attention(x, x, x, 2, 1, batch, out));
    passes("attention", () -> backend.attention(x, k, v, 2, 0, of(cache(DType.BF16, 8, 6)), out));
    onlyActivations(
        "query",
        f32(4, 6),
        bad -> {
          boolean onlyWide = bad.dtype() == DType.F32 && bad.shape().equals(Shape.of(4, 7));
          backend.attention(onlyWide ? f32(5, 6) : bad, k, v, 2, 1, batch, out);
        });
    onlyActivations("key", k, bad -> backend.attention(x, bad, v, 2, 1, batch, out));
    onlyActivations("value", v, bad -> backend.attention(x, k, bad, 2, 1, batch, out));
    onlyResults("out", out, bad -> backend.attention(x, k, v, 2, 1, batch, bad));
    for (int heads : new int[] {0, -2, 4, 12}) {
      refused("heads", () -> backend.attention(x, k, v, heads, 1, batch, out));
    }
    for (int layer : new int[] {-1, 2, Integer.MAX_VALUE}) {
      refusedAs(
          IndexOutOfBoundsException.class,
          "layer",
          () -> backend.attention(x, k, v, 2, layer, batch, out));
    }
    refused("cache", () -> backend.attention(x, k, v, 2, 0, of(cache(DType.F32, 8, 5)), out));
    refused("cache", () -> backend.attention(x, k, v, 2, 0, of(cache(DType.F32, 0, 6)), out));
    KeyValueCache forked = cache(DType.F32, 8, 6);
    KeyValueCache fork = forked.fork(3);
    refused("cache", () -> backend.attention(x, k, v, 2, 0, of(forked), out));
    fork.close();
    passes("attention", () -> backend.attention(x, k, v, 2, 0, of(forked), out));
    KeyValueCache freed = cache(DType.F32, 8, 6);
    freed.pool().close();
    refused(
        IllegalStateException.class,
        "cache",
        () -> backend.attention(x, k, v, 2, 0, of(freed), out));
    overlaps("out", "query", () -> backend.attention(x, k, v, 2, 1, batch, x));
    overlaps("out", "key", () -> backend.attention(x, k, v, 2, 1, batch, k));
    overlaps("out", "value", () -> backend.attention(x, k, v, 2, 1, batch, v));
    Tensor kept = forked.keys(0, 1).rows(4, 4);
    overlaps("out", "cache", () -> backend.attention(x, k, v, 2, 1, of(forked), kept));
  }

  @Test
  void messagesSayWhatIsRequiredAndWhatWasGiven() {
    says("out must be F32(4, 6), not F32(4, 5)", () -> backend.add(x, x, f32(4, 5)));
    says("x must be an F32 matrix, not BF16(4, 6)", () -> backend.add(of(DType.BF16, 4, 6), x, x));
    says("weight must be F32(6), not F32(7)", () -> backend.layerNorm(x, f32(7), null, 0, out));
    says("heads must divide the 6 channels, not 5", () -> backend.rotary(x, 5, angles, FOUR));
    says(
        "table must rotate at most the 3 channels of a head, not 4",
        () -> backend.rotary(x, 2, new RotaryTable(f32(7, 2), f32(7, 2)), FOUR));
    says(
        "sequences must end within the 3 positions of table, not have 4 rows from position 0",
        () -> backend.rotary(x, 2, new RotaryTable(f32(3, 1), f32(3, 1)), FOUR));
    says("ids must hold 4 from index 2, not 5 in total", () -> backend.embed(table, ids, 2, out));
    says(
        "ids[1] must be between 0 and 6, not 8",
        () -> backend.embed(table.rows(0, 7), ids, 0, out));
    says(
        "out must not overlap table, but F32(4, 6) and F32(9, 6) share bytes",
        () -> backend.embed(table, ids, 0, table.rows(0, 4)));
    says(
        "out must be allocated, not F32(4, 6) in freed memory",
        () -> backend.add(x, x, freed(out)));
    says(
        "out must be writable, not F32(4, 6) in read-only memory",
        () -> backend.add(x, x, readOnly(out)));
    says(
        "destination must be F32 of 96 bytes like source F32(4, 6), not F32(4, 5)",
        () -> backend.copy(x, f32(4, 5)));
    says(
        "source must have the 96 bytes of destination F32(4, 6), not 4",
        () -> backend.upload(MemorySegment.ofArray(new float[1]), x));
  }

  private static void says(String message, Executable call) {
    assertEquals(message, assertThrows(RuntimeException.class, call).getMessage());
  }

  @Test
  void scalesAreOperandsToo() {
    Tensor bytes = of(DType.I8, 9, 6);
    Tensor scales = f32(9, 1);
    passes("embed", () -> backend.embed(bytes.withScales(scales), ids, 0, out));
    Tensor freedScales = bytes.withScales(freed(scales));
    refused(
        IllegalStateException.class,
        "scales of table",
        () -> backend.embed(freedScales, ids, 0, out));
    Tensor inside = bytes.withScales(out.view(Shape.of(9, 1)));
    overlaps("out", "scales of table", () -> backend.embed(inside, ids, 0, out));
  }

  @Test
  void sequences() {
    KeyValueCache cache = cache(DType.F32, 8, 6);
    int[][] wrong = {{0, 0}, {-1, 0}, {1, -1}};
    for (int[] numbers : wrong) {
      assertThrows(
          IllegalArgumentException.class, () -> new Sequence(numbers[0], numbers[1], cache));
    }
    assertThrows(IllegalArgumentException.class, () -> new Sequence(1, 1, null));
  }

  @Test
  void add() {
    passes("add", () -> backend.add(x, out, out));
    onlyResults("out", out, bad -> backend.add(x, out, bad));
    for (Tensor bad : List.of(f32(24), f32(), of(DType.BF16, 4, 6), freed(x))) {
      refused("x", () -> backend.add(bad, out, out));
    }
    refused("y", () -> backend.add(x, f32(3, 6), out));
    passes("add", () -> backend.add(x, x, x));
    passes("add", () -> backend.add(out, x, out));
    passes("add", () -> backend.add(x, out, f32(4, 6)));
    Tensor big = f32(5, 6);
    overlaps("out", "x", () -> backend.add(big.rows(0, 4), out, big.rows(1, 4)));
    overlaps("out", "y", () -> backend.add(out, big.rows(1, 4), big.rows(0, 4)));
    overlaps("out", "x", () -> backend.add(shiftedInto(big, 4, 6), out, big.rows(0, 4)));
  }

  @Test
  void logits() {
    passes("logits", () -> backend.logits(x, table, scores));
    onlyWeights("table", table, bad -> backend.logits(x, bad, scores));
    onlyResults("out", scores, bad -> backend.logits(x, table, bad));
    for (Tensor bad : List.of(f32(4, 7), f32(24), f32(), of(DType.BF16, 4, 6), freed(x))) {
      refused("x", () -> backend.logits(bad, table, scores));
    }
    Tensor square = f32(6, 6);
    overlaps("out", "x", () -> backend.logits(square.rows(0, 4), square, square.rows(2, 4)));
    overlaps("out", "table", () -> backend.logits(x, square, square.rows(2, 4)));
  }

  @Test
  void crossEntropy() {
    Tensor losses = f32(4);
    passes("crossEntropy", () -> backend.crossEntropy(scores, ids, 1, losses));
    for (Tensor bad : List.of(f32(36), f32(), of(DType.BF16, 4, 9), freed(scores))) {
      refused("logits", () -> backend.crossEntropy(bad, ids, 0, losses));
    }
    for (Tensor bad :
        List.of(
            f32(5), f32(3), f32(4, 1), f32(), of(DType.F64, 4), freed(losses), readOnly(losses))) {
      refused("losses", () -> backend.crossEntropy(scores, ids, 0, bad));
    }
    for (int from : new int[] {-1, 2, Integer.MAX_VALUE}) {
      refused(
          IndexOutOfBoundsException.class,
          "targets",
          () -> backend.crossEntropy(scores, ids, from, losses));
    }
    for (int id : new int[] {-1, 9}) {
      refused(
          IndexOutOfBoundsException.class,
          "targets[1]",
          () -> backend.crossEntropy(scores, new int[] {0, id, 0, 0}, 0, losses));
    }
    Tensor inside = new Tensor(scores.buffer(), 4, DType.F32, Shape.of(4));
    overlaps("losses", "logits", () -> backend.crossEntropy(scores, ids, 0, inside));
  }
}
