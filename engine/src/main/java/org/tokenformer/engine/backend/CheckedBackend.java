package org.tokenformer.engine.backend;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The contract of {@link Backend} as code: checks types, shapes, ranges and life of all arguments,
 * then hands them to an implementation that computes with bare addresses and trusts them.
 *
 * <p>Wrong arguments are a fault of the calling code: {@link IllegalArgumentException}, {@link
 * IndexOutOfBoundsException} for ids, {@link IllegalStateException} for memory that was freed.
 * Results must not lie in memory that is read-only: a kernel would end the process there.
 */
public final class CheckedBackend implements Backend {
  private final Backend backend;

  /** Puts the checks before an implementation. */
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
    sameBytes("destination", destination, source.byteSize());
    backend.upload(source, destination);
  }

  @Override
  public void download(Tensor source, MemorySegment destination) {
    alive("source", source);
    sameBytes("source", source, destination.byteSize());
    backend.download(source, destination);
  }

  @Override
  public void copy(Tensor source, Tensor destination) {
    alive("source", source);
    writable("destination", destination);
    if (source.dtype() != destination.dtype() || source.byteSize() != destination.byteSize()) {
      throw new IllegalArgumentException(
          "destination " + destination + " is not like source " + source);
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
    disjointVector("weight", weight, out);
    disjointVector("bias", bias, out);
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
    apart("input", xGradient, x, outGradient, weight);
    apart("input", weightGradient, x, outGradient, weight);
    apart("input", biasGradient, x, outGradient, weight);
    apart("result", xGradient, weightGradient, biasGradient, null);
    apart("result", biasGradient, weightGradient, null, null);
    backend.layerNormBackward(
        x, weight, epsilon, outGradient, xGradient, weightGradient, biasGradient);
  }

  @Override
  public void pattention(
      Tensor x, ParameterTokens tokens, @Nullable SavedScores saved, Tensor out) {
    matrix("x", x);
    activations("x", x, x.rows(), tokens.inputChannels());
    result("out", out, x.rows(), tokens.outputChannels());
    weights(tokens, out);
    disjoint("x", x, "out", out);
    if (saved != null) {
      Tensor scores = saved(saved, x.rows(), tokens);
      weights(tokens, scores);
      disjoint("x", x, "scores", scores);
      disjoint("out", out, "scores", scores);
    }
    backend.pattention(x, tokens, saved, out);
  }

  private static Tensor saved(SavedScores saved, long rows, ParameterTokens tokens) {
    result("scores", saved.scores(), SavedScores.roundedUp(rows), tokens.count());
    return saved.scores();
  }

  private static void weights(ParameterTokens tokens, Tensor out) {
    for (int i = 0; i < tokens.segments().size(); i++) {
      ParameterTokens.Segment segment = tokens.segments().get(i);
      weight("keys", segment.keys());
      weight("values", segment.values());
      disjoint("keys", segment.keys(), "out", out);
      disjoint("values", segment.values(), "out", out);
    }
  }

  @Override
  public void thetas(ParameterTokens tokens, SavedScores saved, Tensor out) {
    matrix("out", out);
    result("out", out, out.rows(), tokens.count());
    weights(tokens, out);
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
    apart("input", xGradient, x, outGradient, scores);
    weights(tokens, xGradient);
    if (gradients.segments().size() != tokens.segments().size()) {
      throw new IllegalArgumentException(
          gradients.segments().size() + " gradients of " + tokens.segments().size() + " segments");
    }
    for (int i = 0; i < tokens.segments().size(); i++) {
      Tensor keys = gradients.segments().get(i).keys();
      Tensor values = gradients.segments().get(i).values();
      if (keys != null && values != null) {
        long rows = tokens.segments().get(i).rows();
        gradientRows("keys' gradient", keys, rows, tokens.inputChannels());
        gradientRows("values' gradient", values, rows, tokens.outputChannels());
        apart("input", keys, x, outGradient, scores);
        apart("input", values, x, outGradient, scores);
        apart("result", xGradient, keys, values, null);
        apart("result", keys, values, null, null);
        weights(tokens, keys);
        weights(tokens, values);
        for (int j = 0; j < i; j++) {
          ParameterGradients.Segment other = gradients.segments().get(j);
          apart("result", keys, other.keys(), other.values(), null);
          apart("result", values, other.keys(), other.values(), null);
        }
      }
    }
    backend.pattentionBackward(x, tokens, saved, outGradient, gradients, xGradient);
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
          table.dimensions() + " rotated channels in heads of " + x.columns() / heads);
    }
    for (int i = 0; i < sequences.size(); i++) {
      Sequence sequence = sequences.get(i);
      if (sequence.start() > table.cosine().rows() - sequence.rows()) {
        throw new IllegalArgumentException(
            sequence + " goes beyond the " + table.cosine().rows() + " tabled positions");
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
      apart("input", out, query, key, value);
      apart("input", logSums, query, key, value);
      apart("result", out, logSums, null, null);
    }
    for (int i = 0; i < sequences.size(); i++) {
      Sequence sequence = sequences.get(i);
      if (sequence.cache() != null) {
        cached(sequence, sequence.cache(), layer, columns);
        for (int page = 0; page < sequence.cache().pages(); page++) {
          apartFromCache(sequence.cache().keys(page, layer), logSums, out);
          apartFromCache(sequence.cache().values(page, layer), logSums, out);
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
        throw new IllegalArgumentException("sequence " + i + " has a cache; it passes no gradient");
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
    apart("input", queryGradient, query, key, value);
    apart("input", queryGradient, logSums, out, outGradient);
    apart("input", keyGradient, query, key, value);
    apart("input", keyGradient, logSums, out, outGradient);
    apart("input", valueGradient, query, key, value);
    apart("input", valueGradient, logSums, out, outGradient);
    apart("result", queryGradient, keyGradient, valueGradient, null);
    apart("result", keyGradient, valueGradient, null, null);
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
  public void logits(Tensor x, Tensor table, Tensor out) {
    weight("table", table);
    matrix("x", x);
    activations("x", x, x.rows(), table.columns());
    result("out", out, x.rows(), table.rows());
    disjoint("x", x, "out", out);
    disjoint("table", table, "out", out);
    backend.logits(x, table, out);
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
    apart("input", xGradient, x, table, outGradient);
    apart("input", tableGradient, x, table, outGradient);
    apart("result", xGradient, tableGradient, null, null);
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
    trained(weights, weights);
    trained(gradient, weights);
    trained(first, weights);
    trained(second, weights);
    apart("weights, gradient or moment", weights, gradient, first, second);
    apart("weights, gradient or moment", gradient, first, second, null);
    apart("weights, gradient or moment", first, second, null, null);
    if (step.step() < 1) {
      throw new IllegalArgumentException("steps count from 1, not " + step.step());
    }
    backend.adamw(step, weights, gradient, first, second);
  }

  @Override
  public void close() {
    backend.close();
  }

  private static void alive(String name, Tensor tensor) {
    if (!tensor.buffer().isAlive()) {
      throw new IllegalStateException(name + " " + tensor + " was freed");
    }
  }

  private static void writable(String name, Tensor tensor) {
    alive(name, tensor);
    if (tensor.buffer().isReadOnly()) {
      throw new IllegalArgumentException(name + " " + tensor + " lies in read-only memory");
    }
  }

  private static void matrix(String name, Tensor tensor) {
    alive(name, tensor);
    if (tensor.dtype() != DType.F32 || tensor.shape().rank() != 2) {
      throw new IllegalArgumentException(name + " must be an F32 matrix, not " + tensor);
    }
  }

  private static void activations(String name, Tensor tensor, long rows, long columns) {
    matrix(name, tensor);
    if (tensor.rows() != rows || tensor.columns() != columns) {
      throw new IllegalArgumentException(
          name + " must be (" + rows + ", " + columns + "), not " + tensor);
    }
  }

  private static void result(String name, Tensor tensor, long rows, long columns) {
    activations(name, tensor, rows, columns);
    writable(name, tensor);
  }

  /** What may be multiplied by, and looked up in. */
  private static void weight(String name, Tensor tensor) {
    alive(name, tensor);
    if (tensor.shape().rank() == 2) {
      Tensor scales = tensor.scales();
      if (scales != null) {
        alive(name + "' scales", scales);
        return;
      }
      if (tensor.dtype() == DType.F32 || tensor.dtype() == DType.BF16) {
        return;
      }
    }
    throw new IllegalArgumentException(
        name + " must be a matrix of F32, BF16, or I8 or I4 with scales, not " + tensor);
  }

  private static void cached(Sequence sequence, KeyValueCache cache, int layer, long columns) {
    CachePool pool = cache.pool();
    if (pool.isClosed()) {
      throw new IllegalStateException("cache's memory is gone");
    }
    if (layer < 0 || layer >= pool.layers()) {
      throw new IndexOutOfBoundsException(
          "layer " + layer + " of a cache of " + pool.layers() + " layers");
    }
    if (pool.channels() != columns) {
      throw new IllegalArgumentException(
          "cache must have " + columns + " channels, not " + pool.channels());
    }
    if (!cache.isReserved(sequence.start(), sequence.rows())) {
      throw new IllegalArgumentException(
          "cache must have pages of its own for "
              + sequence.rows()
              + " rows at position "
              + sequence.start()
              + "; reserve them");
    }
  }

  private static void apartFromCache(Tensor page, @Nullable Tensor logSums, Tensor out) {
    disjoint("cache", page, "out", out);
    if (logSums != null) {
      disjoint("cache", page, "logSums", logSums);
    }
  }

  private static void vector(String name, @Nullable Tensor tensor, long size) {
    if (tensor != null) {
      alive(name, tensor);
      if (tensor.dtype() != DType.F32
          || tensor.shape().rank() != 1
          || tensor.shape().size(0) != size) {
        throw new IllegalArgumentException(
            name + " must be a vector of " + size + " F32, not " + tensor);
      }
    }
  }

  private static void floats(String name, Tensor tensor) {
    if (tensor.dtype() != DType.F32) {
      throw new IllegalArgumentException(name + " must be F32, not " + tensor);
    }
  }

  private static void trained(Tensor tensor, Tensor weights) {
    writable("weights, gradient or moment", tensor);
    floats("weights, gradient or moment", tensor);
    if (!tensor.shape().equals(weights.shape())) {
      throw new IllegalArgumentException("weights " + weights + " and " + tensor + " differ");
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
          name + " must be (" + rows + " or more, " + columns + "), not " + tensor);
    }
  }

  private static void epsilon(float epsilon) {
    if (!(epsilon >= 0)) {
      throw new IllegalArgumentException("epsilon must be at least 0, not " + epsilon);
    }
  }

  /**
   * A result overlaps none of these; those that are null do not count. Not any number of them,
   * since an array for them would be an object on the heap for each operation.
   */
  private static void apart(
      String what,
      @Nullable Tensor result,
      @Nullable Tensor a,
      @Nullable Tensor b,
      @Nullable Tensor c) {
    if (result != null) {
      disjointVector(what, a, result);
      disjointVector(what, b, result);
      disjointVector(what, c, result);
    }
  }

  private static void heads(Tensor x, int heads) {
    if (heads < 1 || x.columns() % heads != 0) {
      throw new IllegalArgumentException(x.columns() + " channels in " + heads + " heads");
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
          count + " " + name + " from " + from + " of " + ids.length);
    }
    for (int i = from; i < from + count; i++) {
      if (ids[i] < 0 || ids[i] >= limit) {
        throw new IndexOutOfBoundsException(
            name + "[" + i + "] = " + ids[i] + " is not in 0 to " + (limit - 1));
      }
    }
  }

  private static boolean same(Tensor a, Tensor b) {
    return a.buffer().equals(b.buffer()) && a.offset() == b.offset();
  }

  private static void disjoint(String nameA, Tensor a, String nameB, Tensor b) {
    Tensor scales = a.scales();
    if (scales != null) {
      disjoint(nameA + "' scales", scales, nameB, b);
    }
    if (a.buffer().equals(b.buffer())
        && a.offset() < b.offset() + b.byteSize()
        && b.offset() < a.offset() + a.byteSize()) {
      throw new IllegalArgumentException(nameA + " " + a + " and " + nameB + " " + b + " overlap");
    }
  }

  private static void disjointVector(String name, @Nullable Tensor vector, Tensor out) {
    if (vector != null) {
      disjoint(name, vector, "out", out);
    }
  }

  private static void sameBytes(String name, Tensor tensor, long bytes) {
    if (bytes != tensor.byteSize()) {
      throw new IllegalArgumentException(
          name + " " + tensor + " has " + tensor.byteSize() + " bytes, the memory " + bytes);
    }
  }
}
