package org.tokenformer.engine.backend;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Enforces the contract of {@link Backend}: checks types, shapes, ranges and liveness of all
 * arguments, then passes them to an implementation, which computes with raw addresses and trusts
 * them.
 *
 * <p>Invalid arguments are programming errors: {@link IllegalArgumentException}, {@link
 * IndexOutOfBoundsException} for ids and layers, {@link IllegalStateException} for freed memory.
 * Results must not be in read-only memory, where a kernel's write would crash the process.
 */
public final class CheckedBackend implements Backend {
  private static final String KEYS_GRADIENT = "keysGradient";
  private static final String VALUES_GRADIENT = "valuesGradient";

  private final Backend backend;

  /** Wraps an implementation. */
  public CheckedBackend(Backend backend) {
    this.backend = backend;
  }

  @Override
  public String name() {
    return backend.name();
  }

  @Override
  public String description() {
    return backend.description();
  }

  @Override
  public int threads() {
    return backend.threads();
  }

  @Override
  public int promptRows(int ids, long weightBytes) {
    if (ids < 0 || weightBytes < 0) {
      throw new IllegalArgumentException(
          "ids and weightBytes must be at least 0, not " + ids + " and " + weightBytes);
    }
    return backend.promptRows(ids, weightBytes);
  }

  @Override
  public MemoryScope openScope() {
    return backend.openScope();
  }

  @Override
  public void upload(MemorySegment source, Tensor destination) {
    alive("destination", destination);
    writable("destination", destination);
    sameBytes("source", source, "destination", destination);
    backend.upload(source, destination);
  }

  @Override
  public void download(Tensor source, MemorySegment destination) {
    alive("source", source);
    sameBytes("destination", destination, "source", source);
    backend.download(source, destination);
  }

  @Override
  public void copy(Tensor source, Tensor destination) {
    alive("source", source);
    writable("destination", destination);
    if (source.dtype() != destination.dtype() || source.byteSize() != destination.byteSize()) {
      throw new IllegalArgumentException(
          "destination must be %s of %d bytes like source %s, not %s"
              .formatted(source.dtype(), source.byteSize(), source, destination));
    }
    disjoint("source", source, "destination", destination);
    backend.copy(source, destination);
  }

  @Override
  public void zero(Tensor tensor) {
    writable("tensor", tensor);
    backend.zero(tensor);
  }

  @Override
  public void embed(Tensor table, int[] ids, int from, Tensor out) {
    weight("table", table);
    matrix("out", out);
    result("out", out, out.rows(), table.columns());
    range("ids", ids, from, out.rows(), table.rows());
    disjoint("table", table, "out", out);
    backend.embed(table, ids, from, out);
  }

  @Override
  public void embedBackward(int[] ids, int from, Tensor outGradient, Tensor tableGradient) {
    matrix("outGradient", outGradient);
    matrix("tableGradient", tableGradient);
    result("tableGradient", tableGradient, tableGradient.rows(), outGradient.columns());
    range("ids", ids, from, outGradient.rows(), tableGradient.rows());
    disjoint("outGradient", outGradient, "tableGradient", tableGradient);
    backend.embedBackward(ids, from, outGradient, tableGradient);
  }

  @Override
  public void layerNorm(
      Tensor x, @Nullable Tensor weight, @Nullable Tensor bias, float epsilon, Tensor out) {
    matrix("x", x);
    result("out", out, x.rows(), x.columns());
    vector("weight", weight, x.columns());
    vector("bias", bias, x.columns());
    disjoint("weight", weight, "out", out);
    disjoint("bias", bias, "out", out);
    epsilon(epsilon);
    if (!same(x, out)) {
      disjoint("x", x, "out", out);
    }
    backend.layerNorm(x, weight, bias, epsilon, out);
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
    matrix("x", x);
    long columns = x.columns();
    vector("weight", weight, columns);
    epsilon(epsilon);
    activations("outGradient", outGradient, x.rows(), columns);
    result("xGradient", xGradient, x.rows(), columns);
    gradientVector("weightGradient", weightGradient, columns);
    gradientVector("biasGradient", biasGradient, columns);
    apart("xGradient", xGradient, "x", x, "outGradient", outGradient, "weight", weight);
    apart("weightGradient", weightGradient, "x", x, "outGradient", outGradient, "weight", weight);
    apart("biasGradient", biasGradient, "x", x, "outGradient", outGradient, "weight", weight);
    disjoint("xGradient", xGradient, "weightGradient", weightGradient);
    disjoint("xGradient", xGradient, "biasGradient", biasGradient);
    disjoint("weightGradient", weightGradient, "biasGradient", biasGradient);
    backend.layerNormBackward(
        x, weight, epsilon, outGradient, xGradient, weightGradient, biasGradient);
  }

  @Override
  public void pattention(
      Tensor x, ParameterTokens tokens, @Nullable SavedScores saved, Tensor out) {
    matrix("x", x);
    activations("x", x, x.rows(), tokens.inputChannels());
    result("out", out, x.rows(), tokens.outputChannels());
    weights(tokens, "out", out);
    disjoint("x", x, "out", out);
    if (saved != null) {
      Tensor scores = saved(saved, x.rows(), tokens);
      weights(tokens, "scores", scores);
      disjoint("x", x, "scores", scores);
      disjoint("out", out, "scores", scores);
    }
    backend.pattention(x, tokens, saved, out);
  }

  private static Tensor saved(SavedScores saved, long rows, ParameterTokens tokens) {
    result("scores", saved.scores(), SavedScores.roundedUp(rows), tokens.count());
    return saved.scores();
  }

  private static void weights(ParameterTokens tokens, String name, Tensor result) {
    for (int i = 0; i < tokens.segments().size(); i++) {
      ParameterTokens.Segment segment = tokens.segments().get(i);
      weight("keys", segment.keys());
      weight("values", segment.values());
      disjoint("keys", segment.keys(), name, result);
      disjoint("values", segment.values(), name, result);
    }
  }

  @Override
  public void thetas(ParameterTokens tokens, SavedScores saved, Tensor out) {
    matrix("out", out);
    result("out", out, out.rows(), tokens.count());
    weights(tokens, "out", out);
    disjoint("scores", saved(saved, out.rows(), tokens), "out", out);
    backend.thetas(tokens, saved, out);
  }

  @Override
  public void pattentionBackward(
      Tensor x,
      ParameterTokens tokens,
      SavedScores saved,
      Tensor outGradient,
      ParameterGradients gradients,
      Tensor xGradient) {
    matrix("x", x);
    activations("x", x, x.rows(), tokens.inputChannels());
    activations("outGradient", outGradient, x.rows(), tokens.outputChannels());
    result("xGradient", xGradient, x.rows(), tokens.inputChannels());
    Tensor scores = saved(saved, x.rows(), tokens);
    apart("xGradient", xGradient, "x", x, "outGradient", outGradient, "scores", scores);
    weights(tokens, "xGradient", xGradient);
    if (gradients.segments().size() != tokens.segments().size()) {
      throw new IllegalArgumentException(
          "gradients must have %d segments like tokens, not %d"
              .formatted(tokens.segments().size(), gradients.segments().size()));
    }
    for (int i = 0; i < tokens.segments().size(); i++) {
      Tensor keys = gradients.segments().get(i).keys();
      Tensor values = gradients.segments().get(i).values();
      if (keys != null && values != null) {
        long rows = tokens.segments().get(i).rows();
        gradientRows(KEYS_GRADIENT, keys, rows, tokens.inputChannels());
        gradientRows(VALUES_GRADIENT, values, rows, tokens.outputChannels());
        apart(KEYS_GRADIENT, keys, "x", x, "outGradient", outGradient, "scores", scores);
        apart(VALUES_GRADIENT, values, "x", x, "outGradient", outGradient, "scores", scores);
        disjoint("xGradient", xGradient, KEYS_GRADIENT, keys);
        disjoint("xGradient", xGradient, VALUES_GRADIENT, values);
        disjoint(KEYS_GRADIENT, keys, VALUES_GRADIENT, values);
        weights(tokens, KEYS_GRADIENT, keys);
        weights(tokens, VALUES_GRADIENT, values);
        apartFromEarlier(gradients, i, KEYS_GRADIENT, keys);
        apartFromEarlier(gradients, i, VALUES_GRADIENT, values);
      }
    }
    backend.pattentionBackward(x, tokens, saved, outGradient, gradients, xGradient);
  }

  private static void apartFromEarlier(
      ParameterGradients gradients, int segment, String name, Tensor result) {
    for (int i = 0; i < segment; i++) {
      ParameterGradients.Segment earlier = gradients.segments().get(i);
      disjoint(KEYS_GRADIENT, earlier.keys(), name, result);
      disjoint(VALUES_GRADIENT, earlier.values(), name, result);
    }
  }

  @Override
  public void rotary(Tensor x, int heads, RotaryTable table, List<Sequence> sequences) {
    matrix("x", x);
    result("x", x, rowsOf(sequences), x.columns());
    heads(x, heads);
    matrix("cosine", table.cosine());
    activations("sine", table.sine(), table.cosine().rows(), table.cosine().columns());
    if (table.dimensions() > x.columns() / heads) {
      throw new IllegalArgumentException(
          "table must rotate at most the %d channels of a head, not %d"
              .formatted(x.columns() / heads, table.dimensions()));
    }
    for (int i = 0; i < sequences.size(); i++) {
      Sequence sequence = sequences.get(i);
      if (sequence.start() > table.cosine().rows() - sequence.rows()) {
        throw new IllegalArgumentException(
            "sequences must end within the %d positions of table, not have %d rows from position %d"
                .formatted(table.cosine().rows(), sequence.rows(), sequence.start()));
      }
    }
    disjoint("cosine", table.cosine(), "x", x);
    disjoint("sine", table.sine(), "x", x);
    backend.rotary(x, heads, table, sequences);
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
    matrix("query", query);
    long rows = rowsOf(sequences);
    long columns = query.columns();
    activations("query", query, rows, columns);
    activations("key", key, rows, columns);
    activations("value", value, rows, columns);
    result("out", out, rows, columns);
    heads(query, heads);
    if (logSums != null) {
      result("logSums", logSums, rows, heads);
      apart("logSums", logSums, "query", query, "key", key, "value", value);
      disjoint("out", out, "logSums", logSums);
    }
    for (int i = 0; i < sequences.size(); i++) {
      Sequence sequence = sequences.get(i);
      if (sequence.cache() != null) {
        cached(sequence, sequence.cache(), layer, columns);
        for (int page = 0; page < sequence.cache().pages(); page++) {
          Tensor whole = sequence.cache().whole(page);
          disjoint("cache", whole, "out", out);
          disjoint("cache", whole, "logSums", logSums);
        }
      }
    }
    disjoint("query", query, "out", out);
    disjoint("key", key, "out", out);
    disjoint("value", value, "out", out);
    backend.attention(query, key, value, heads, layer, sequences, logSums, out);
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
    matrix("query", query);
    long rows = rowsOf(sequences);
    long columns = query.columns();
    heads(query, heads);
    for (int i = 0; i < sequences.size(); i++) {
      if (sequences.get(i).cache() != null) {
        throw new IllegalArgumentException(
            "sequences must not have a cache, which passes no gradient, as in sequence " + i);
      }
    }
    activations("query", query, rows, columns);
    activations("key", key, rows, columns);
    activations("value", value, rows, columns);
    activations("logSums", logSums, rows, heads);
    activations("out", out, rows, columns);
    activations("outGradient", outGradient, rows, columns);
    result("queryGradient", queryGradient, rows, columns);
    result("keyGradient", keyGradient, rows, columns);
    result("valueGradient", valueGradient, rows, columns);
    apart("queryGradient", queryGradient, "query", query, "key", key, "value", value);
    apart(
        "queryGradient", queryGradient, "logSums", logSums, "out", out, "outGradient", outGradient);
    apart("keyGradient", keyGradient, "query", query, "key", key, "value", value);
    apart("keyGradient", keyGradient, "logSums", logSums, "out", out, "outGradient", outGradient);
    apart("valueGradient", valueGradient, "query", query, "key", key, "value", value);
    apart(
        "valueGradient", valueGradient, "logSums", logSums, "out", out, "outGradient", outGradient);
    disjoint("queryGradient", queryGradient, "keyGradient", keyGradient);
    disjoint("queryGradient", queryGradient, "valueGradient", valueGradient);
    disjoint("keyGradient", keyGradient, "valueGradient", valueGradient);
    backend.attentionBackward(
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
  }

  @Override
  public void add(Tensor x, Tensor y, Tensor out) {
    matrix("x", x);
    activations("y", y, x.rows(), x.columns());
    result("out", out, x.rows(), x.columns());
    if (!same(x, out)) {
      disjoint("x", x, "out", out);
    }
    if (!same(y, out)) {
      disjoint("y", y, "out", out);
    }
    backend.add(x, y, out);
  }

  @Override
  public void logits(Tensor x, Tensor table, boolean training, Tensor out) {
    weight("table", table);
    matrix("x", x);
    activations("x", x, x.rows(), table.columns());
    result("out", out, x.rows(), table.rows());
    disjoint("x", x, "out", out);
    disjoint("table", table, "out", out);
    backend.logits(x, table, training, out);
  }

  @Override
  public void logitsBackward(
      Tensor x,
      Tensor table,
      Tensor outGradient,
      Tensor xGradient,
      @Nullable Tensor tableGradient) {
    weight("table", table);
    matrix("x", x);
    long columns = table.columns();
    activations("x", x, x.rows(), columns);
    activations("outGradient", outGradient, x.rows(), table.rows());
    result("xGradient", xGradient, x.rows(), columns);
    if (tableGradient != null) {
      result("tableGradient", tableGradient, table.rows(), columns);
    }
    apart("xGradient", xGradient, "x", x, "table", table, "outGradient", outGradient);
    apart("tableGradient", tableGradient, "x", x, "table", table, "outGradient", outGradient);
    disjoint("xGradient", xGradient, "tableGradient", tableGradient);
    backend.logitsBackward(x, table, outGradient, xGradient, tableGradient);
  }

  @Override
  public void crossEntropy(Tensor logits, int[] targets, int from, Tensor losses) {
    matrix("logits", logits);
    writable("losses", losses);
    vector("losses", losses, logits.rows());
    range("targets", targets, from, logits.rows(), logits.columns());
    disjoint("logits", logits, "losses", losses);
    backend.crossEntropy(logits, targets, from, losses);
  }

  @Override
  public void crossEntropyBackward(
      Tensor logits, int[] targets, int from, float weight, Tensor losses) {
    matrix("logits", logits);
    writable("logits", logits);
    gradientVector("losses", losses, logits.rows());
    range("targets", targets, from, logits.rows(), logits.columns());
    disjoint("logits", logits, "losses", losses);
    backend.crossEntropyBackward(logits, targets, from, weight, losses);
  }

  @Override
  public double sumOfSquares(Tensor tensor) {
    alive("tensor", tensor);
    floats("tensor", tensor);
    return backend.sumOfSquares(tensor);
  }

  @Override
  public void adamw(AdamW step, Tensor weights, Tensor gradient, Tensor first, Tensor second) {
    trained("weights", weights, weights);
    trained("gradient", gradient, weights);
    trained("first", first, weights);
    trained("second", second, weights);
    apart("weights", weights, "gradient", gradient, "first", first, "second", second);
    disjoint("gradient", gradient, "first", first);
    disjoint("gradient", gradient, "second", second);
    disjoint("first", first, "second", second);
    if (step.step() < 1) {
      throw new IllegalArgumentException("step must be at least 1, not " + step.step());
    }
    backend.adamw(step, weights, gradient, first, second);
  }

  @Override
  public void close() {
    backend.close();
  }

  private static void alive(String name, Tensor tensor) {
    if (!tensor.buffer().isAlive()) {
      throw freed(name, tensor);
    }
  }

  private static IllegalStateException freed(String name, Tensor tensor) {
    return new IllegalStateException(
        name + " must be allocated, not " + tensor + " in freed memory");
  }

  private static void writable(String name, Tensor tensor) {
    alive(name, tensor);
    if (tensor.buffer().isReadOnly()) {
      throw new IllegalArgumentException(
          name + " must be writable, not " + tensor + " in read-only memory");
    }
  }

  private static void matrix(String name, Tensor tensor) {
    alive(name, tensor);
    if (tensor.dtype() != DType.F32 || tensor.shape().rank() != 2) {
      throw new IllegalArgumentException(name + " must be an F32 matrix, not " + tensor);
    }
  }

  private static void activations(String name, Tensor tensor, long rows, long columns) {
    alive(name, tensor);
    if (tensor.dtype() != DType.F32
        || tensor.shape().rank() != 2
        || tensor.shape().size(0) != rows
        || tensor.shape().size(1) != columns) {
      throw new IllegalArgumentException(
          name + " must be F32(" + rows + ", " + columns + "), not " + tensor);
    }
  }

  private static void result(String name, Tensor tensor, long rows, long columns) {
    activations(name, tensor, rows, columns);
    writable(name, tensor);
  }

  /** Checks a weight matrix. */
  private static void weight(String name, Tensor tensor) {
    alive(name, tensor);
    if (tensor.shape().rank() == 2) {
      Tensor scales = tensor.scales();
      if (scales != null) {
        if (!scales.buffer().isAlive()) {
          throw freed("scales of " + name, scales);
        }
        return;
      }
      if (tensor.dtype() == DType.F32 || tensor.dtype() == DType.BF16) {
        return;
      }
    }
    throw new IllegalArgumentException(
        name + " must be a matrix of F32 or BF16, or of I8 or I4 with scales, not " + tensor);
  }

  private static void cached(Sequence sequence, KeyValueCache cache, int layer, long columns) {
    CachePool pool = cache.pool();
    if (pool.isClosed()) {
      throw new IllegalStateException("cache must be allocated, not from a closed pool");
    }
    if (layer < 0 || layer >= pool.layers()) {
      throw new IndexOutOfBoundsException(
          "layer must be between 0 and "
              + (pool.layers() - 1)
              + ", the last of cache, not "
              + layer);
    }
    if (pool.channels() != columns) {
      throw new IllegalArgumentException(
          "cache must have " + columns + " channels, not " + pool.channels());
    }
    if (!cache.isReserved(sequence.start(), sequence.rows())) {
      throw new IllegalArgumentException(
          "cache must have unshared pages for %d rows from position %d; it has %d positions"
              .formatted(sequence.rows(), sequence.start(), cache.capacity()));
    }
  }

  private static void vector(String name, @Nullable Tensor tensor, long size) {
    if (tensor != null) {
      alive(name, tensor);
      if (tensor.dtype() != DType.F32
          || tensor.shape().rank() != 1
          || tensor.shape().size(0) != size) {
        throw new IllegalArgumentException(name + " must be F32(" + size + "), not " + tensor);
      }
    }
  }

  private static void floats(String name, Tensor tensor) {
    if (tensor.dtype() != DType.F32) {
      throw new IllegalArgumentException(name + " must be F32, not " + tensor);
    }
  }

  private static void trained(String name, Tensor tensor, Tensor weights) {
    writable(name, tensor);
    floats(name, tensor);
    if (!tensor.shape().equals(weights.shape())) {
      throw new IllegalArgumentException(
          name + " must be " + weights + " like weights, not " + tensor);
    }
  }

  private static void gradientVector(String name, @Nullable Tensor tensor, long size) {
    if (tensor != null) {
      writable(name, tensor);
      vector(name, tensor, size);
    }
  }

  private static void gradientRows(String name, Tensor tensor, long rows, long columns) {
    matrix(name, tensor);
    writable(name, tensor);
    if (tensor.rows() < rows || tensor.columns() != columns) {
      throw new IllegalArgumentException(
          name + " must be F32(" + rows + " or more, " + columns + "), not " + tensor);
    }
  }

  private static void epsilon(float epsilon) {
    if (!(epsilon >= 0)) {
      throw new IllegalArgumentException("epsilon must be at least 0, not " + epsilon);
    }
  }

  /**
   * Checks that a result overlaps none of three operands, any of which may be null. Not varargs,
   * whose array would be allocated on the heap for each operation.
   */
  private static void apart(
      String name,
      @Nullable Tensor result,
      String nameA,
      @Nullable Tensor a,
      String nameB,
      @Nullable Tensor b,
      String nameC,
      @Nullable Tensor c) {
    disjoint(nameA, a, name, result);
    disjoint(nameB, b, name, result);
    disjoint(nameC, c, name, result);
  }

  private static void heads(Tensor x, int heads) {
    if (heads < 1 || x.columns() % heads != 0) {
      throw new IllegalArgumentException(
          "heads must divide the " + x.columns() + " channels, not " + heads);
    }
  }

  private static long rowsOf(List<Sequence> sequences) {
    long rows = 0;
    for (int i = 0; i < sequences.size(); i++) {
      rows += sequences.get(i).rows();
    }
    return rows;
  }

  private static void range(String name, int[] ids, int from, long count, long limit) {
    if (from < 0 || from > ids.length - count) {
      throw new IndexOutOfBoundsException(
          name
              + " must hold "
              + count
              + " from index "
              + from
              + ", not "
              + ids.length
              + " in total");
    }
    for (int i = from; i < from + count; i++) {
      if (ids[i] < 0 || ids[i] >= limit) {
        throw new IndexOutOfBoundsException(
            name + "[" + i + "] must be between 0 and " + (limit - 1) + ", not " + ids[i]);
      }
    }
  }

  private static boolean same(Tensor a, Tensor b) {
    return a.buffer().equals(b.buffer()) && a.offset() == b.offset();
  }

  /** Checks that a result shares no byte with another operand; either may be null. */
  private static void disjoint(
      String name, @Nullable Tensor operand, String resultName, @Nullable Tensor result) {
    if (operand == null || result == null) {
      return;
    }
    Tensor scales = operand.scales();
    if (scales != null && overlap(scales, result)) {
      throw overlapping("scales of " + name, scales, resultName, result);
    }
    if (overlap(operand, result)) {
      throw overlapping(name, operand, resultName, result);
    }
  }

  private static boolean overlap(Tensor a, Tensor b) {
    return a.buffer().equals(b.buffer())
        && a.offset() < b.offset() + b.byteSize()
        && b.offset() < a.offset() + a.byteSize();
  }

  private static IllegalArgumentException overlapping(
      String name, Tensor operand, String resultName, Tensor result) {
    return new IllegalArgumentException(
        "%s must not overlap %s, but %s and %s share bytes"
            .formatted(resultName, name, result, operand));
  }

  private static void sameBytes(
      String name, MemorySegment memory, String tensorName, Tensor tensor) {
    if (memory.byteSize() != tensor.byteSize()) {
      throw new IllegalArgumentException(
          "%s must have the %d bytes of %s %s, not %d"
              .formatted(name, tensor.byteSize(), tensorName, tensor, memory.byteSize()));
    }
  }
}
