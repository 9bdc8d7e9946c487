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
  public void layerNorm(
      Tensor x, @Nullable Tensor weight, @Nullable Tensor bias, float epsilon, Tensor out) {
    matrix("x", x);
    result("out", out, x.rows(), x.columns());
    vector("weight", weight, x.columns());
    vector("bias", bias, x.columns());
    disjointVector("weight", weight, out);
    disjointVector("bias", bias, out);
    if (!(epsilon >= 0)) {
      throw new IllegalArgumentException("epsilon must be at least 0, not " + epsilon);
    }
    if (!same(x, out)) {
      disjoint("x", x, "out", out);
    }
    backend.layerNorm(x, weight, bias, epsilon, out);
  }

  @Override
  public void pattention(Tensor x, ParameterTokens tokens, Tensor out) {
    matrix("x", x);
    activations("x", x, x.rows(), tokens.inputChannels());
    result("out", out, x.rows(), tokens.outputChannels());
    for (int i = 0; i < tokens.segments().size(); i++) {
      ParameterTokens.Segment segment = tokens.segments().get(i);
      weight("keys", segment.keys());
      weight("values", segment.values());
      disjoint("keys", segment.keys(), "out", out);
      disjoint("values", segment.values(), "out", out);
    }
    disjoint("x", x, "out", out);
    backend.pattention(x, tokens, out);
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
      Tensor out) {
    matrix("query", query);
    long rows = rowsOf(sequences);
    long columns = query.columns();
    activations("query", query, rows, columns);
    activations("key", key, rows, columns);
    activations("value", value, rows, columns);
    result("out", out, rows, columns);
    heads(query, heads);
    for (int i = 0; i < sequences.size(); i++) {
      KeyValueCache cache = sequences.get(i).cache();
      if (cache != null) {
        if (layer < 0 || layer >= cache.keys().size()) {
          throw new IndexOutOfBoundsException(
              "layer " + layer + " of a cache of " + cache.keys().size() + " layers");
        }
        cached(cache, cache.keys().get(layer), columns, out);
        cached(cache, cache.values().get(layer), columns, out);
      }
    }
    disjoint("query", query, "out", out);
    disjoint("key", key, "out", out);
    disjoint("value", value, "out", out);
    backend.attention(query, key, value, heads, layer, sequences, out);
  }

  @Override
  public void add(Tensor x, Tensor y) {
    matrix("x", x);
    result("y", y, x.rows(), x.columns());
    disjoint("x", x, "y", y);
    backend.add(x, y);
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
  public void crossEntropy(Tensor logits, int[] targets, int from, Tensor losses) {
    matrix("logits", logits);
    writable("losses", losses);
    vector("losses", losses, logits.rows());
    range("targets", targets, from, logits.rows(), logits.columns());
    disjoint("logits", logits, "losses", losses);
    backend.crossEntropy(logits, targets, from, losses);
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

  private static void weight(String name, Tensor tensor) {
    alive(name, tensor);
    if ((tensor.dtype() != DType.F32 && tensor.dtype() != DType.BF16)
        || tensor.shape().rank() != 2) {
      throw new IllegalArgumentException(name + " must be an F32 or BF16 matrix, not " + tensor);
    }
  }

  private static void cached(KeyValueCache cache, Tensor tensor, long columns, Tensor out) {
    weight("cache", tensor);
    writable("cache", tensor);
    if (tensor.rows() != cache.capacity()
        || tensor.columns() != columns
        || tensor.dtype() != cache.dtype()) {
      throw new IllegalArgumentException(
          "cache "
              + tensor
              + " must be "
              + cache.dtype()
              + "("
              + cache.capacity()
              + ", "
              + columns
              + ")");
    }
    disjoint("cache", tensor, "out", out);
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
