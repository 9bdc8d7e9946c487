package org.tokenformer.engine.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.KeyValueCache;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * One conversation with a model: the keys and values of its past, and the memory that a step needs.
 *
 * <p>Used by one thread at a time; sessions of one model may run on different threads at once. Only
 * {@link #close} may be called while another thread is in a step: that step ends as usual, and the
 * next one is refused.
 */
public final class Session implements AutoCloseable {
  /** Receives the logits of consecutive positions. */
  @FunctionalInterface
  public interface LogitsConsumer {
    /**
     * Takes some rows.
     *
     * @param first index in the given ids of the id that the first row was computed at
     * @param logits (rows, V), valid until this returns
     */
    void accept(int first, Tensor logits);
  }

  /** Rows of a prompt in flight: enough that packing the weights once per chunk costs little. */
  public static final int CHUNK = 256;

  /**
   * A prompt of so few ids, for a model so small that reading its weights once for each stays below
   * so many bytes, goes id by id. That costs some milliseconds at most, and a program that has just
   * started saves more: the kernels of many rows need not be compiled before the first word.
   */
  private static final int SHORT_PROMPT = 8;

  private static final long SHORT_BYTES = 256L << 20;

  /** Rows of logits in flight: they are V wide, so fewer. */
  public static final int LOGITS_CHUNK = 64;

  /** Sessions that can go on together. */
  static final int MOST_TOGETHER = LOGITS_CHUNK;

  private final TokenFormer model;
  private final Backend backend;
  private final MemoryScope scope;
  private final KeyValueCache cache;
  private Activations most; // of a whole chunk, or of all sessions that went on together
  private final Tensor lastNormed; // (1, C)
  private final Tensor lastLogits; // (1, V)
  private final int capacity;
  private final int chunk;
  private final int[] oneId = new int[1];
  private final Lifetime lifetime;
  private Activations step; // of the rows in flight; kept, so that a token allocates nothing
  private List<Activations> layers; // the same for each
  private @Nullable Tensor manyLogits; // (LOGITS_CHUNK, V), when first needed
  private int length;

  Session(TokenFormer model, int capacity, DType cacheType) {
    TokenFormerConfig config = model.config();
    if (capacity < 1 || capacity > config.contextLength()) {
      throw new IllegalArgumentException(
          "a session of " + capacity + " positions; the model has 1 to " + config.contextLength());
    }
    if (cacheType != DType.F32 && cacheType != DType.BF16) {
      throw new IllegalArgumentException("a cache of " + cacheType + "; it may be F32 or BF16");
    }
    model.lifetime().enter();
    try {
      this.model = model;
      this.capacity = capacity;
      backend = model.backend();
      chunk = Math.min(CHUNK, capacity);
      MemoryScope memory = backend.openScope();
      try {
        List<Tensor> keys = new ArrayList<>();
        List<Tensor> values = new ArrayList<>();
        Shape shape = Shape.of(capacity, config.hiddenSize());
        for (int layer = 0; layer < config.layers().size(); layer++) {
          keys.add(memory.allocate(cacheType, shape));
          values.add(memory.allocate(cacheType, shape));
        }
        cache = new KeyValueCache(keys, values);
        most = Activations.inPlace(memory, chunk, config.hiddenSize());
        step = most;
        layers = Collections.nCopies(config.layers().size(), most);
        lastNormed = memory.allocate(DType.F32, Shape.of(1, config.hiddenSize()));
        lastLogits = memory.allocate(DType.F32, Shape.of(1, config.vocabularySize()));
      } catch (RuntimeException | Error e) {
        memory.close();
        throw e;
      }
      scope = memory;
      lifetime = new Lifetime("session", memory::close);
    } finally {
      model.lifetime().exit();
    }
  }

  /** The model that it talks to. */
  public TokenFormer model() {
    return model;
  }

  /** Positions that it holds. */
  public int length() {
    return length;
  }

  /** Positions that it can hold. */
  public int capacity() {
    return capacity;
  }

  /** Bytes of native memory that are its own. */
  public long allocatedBytes() {
    return scope.allocatedBytes();
  }

  /**
   * Appends ids, in chunks.
   *
   * @return the logits at the last of them, (1, V), valid until the next step
   * @throws IllegalArgumentException if there are none or more than fit
   * @throws IndexOutOfBoundsException if one of them is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if cancelled; the session is as before then
   */
  public Tensor prefill(int[] ids, @Nullable Cancellation cancellation) {
    int before = length;
    enter();
    try {
      checkIds(ids);
      boolean isShort =
          ids.length <= SHORT_PROMPT && ids.length <= SHORT_BYTES / model.weightBytes();
      int rows = isShort ? 1 : chunk;
      for (int from = 0; from < ids.length; from += rows) {
        pass(ids, from, Math.min(rows, ids.length - from), cancellation);
      }
      return logitsOfLastRow();
    } catch (RuntimeException | Error e) {
      length = before;
      throw e;
    } finally {
      exit();
    }
  }

  /** Appends ids that are wanted in any case; see {@link #prefill(int[], Cancellation)}. */
  public Tensor prefill(int[] ids) {
    return prefill(ids, null);
  }

  /**
   * Appends one id. Allocates nothing on the heap.
   *
   * @return the logits at it, (1, V), valid until the next step
   */
  public Tensor decode(int id) {
    int before = length;
    enter();
    try {
      oneId[0] = id;
      checkIds(oneId);
      pass(oneId, 0, 1, null);
      return logitsOfLastRow();
    } catch (RuntimeException | Error e) {
      length = before;
      throw e;
    } finally {
      exit();
    }
  }

  /**
   * Appends one id whose logits nobody needs.
   *
   * @throws IllegalArgumentException if no position is left
   * @throws IndexOutOfBoundsException if the id is not in the vocabulary
   */
  public void append(int id) {
    boolean interrupted = Thread.interrupted(); // it belongs to the text all the same
    try {
      decode(id);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Appends ids and hands out the logits at every one of them, chunk by chunk.
   *
   * @throws java.util.concurrent.CancellationException if cancelled; the session is as before then
   */
  public void logits(int[] ids, LogitsConsumer consumer, @Nullable Cancellation cancellation) {
    int before = length;
    enter();
    try {
      checkIds(ids);
      for (int from = 0; from < ids.length; from += chunk) {
        int rows = Math.min(chunk, ids.length - from);
        pass(ids, from, rows, cancellation);
        for (int row = 0; row < rows; row += LOGITS_CHUNK) {
          int count = Math.min(LOGITS_CHUNK, rows - row);
          Tensor logits = manyLogits(Math.min(LOGITS_CHUNK, chunk)).rows(0, count);
          Tensor normed = step.normed().rows(row, count);
          model.logits(step.output().rows(row, count), normed, logits);
          consumer.accept(from + row, logits);
        }
      }
    } catch (RuntimeException | Error e) {
      length = before;
      throw e;
    } finally {
      exit();
    }
  }

  private Tensor manyLogits(int rows) {
    Tensor tensor = manyLogits;
    if (tensor == null || tensor.rows() < rows) {
      tensor = scope.allocate(DType.F32, Shape.of(rows, model.config().vocabularySize()));
      manyLogits = tensor;
    }
    return tensor;
  }

  /** See {@link TokenFormer#step}. */
  static Tensor step(TokenFormer model, List<Session> sessions, int[] ids) {
    int count = sessions.size();
    if (count < 1 || count > MOST_TOGETHER || ids.length != count) {
      throw new IllegalArgumentException(
          "%d ids for %d sessions; one for each of 1 to %d"
              .formatted(ids.length, count, MOST_TOGETHER));
    }
    for (int i = 0; i < count; i++) {
      Session session = sessions.get(i);
      if (session.model != model || sessions.indexOf(session) != i) {
        throw new IllegalArgumentException("session " + i + " is of another model, or there twice");
      }
    }
    int entered = 0;
    try {
      for (; entered < count; entered++) {
        sessions.get(entered).enter();
      }
      return sessions.getFirst().together(sessions, ids);
    } finally {
      for (int i = 0; i < entered; i++) {
        sessions.get(i).exit();
      }
    }
  }

  private Tensor together(List<Session> sessions, int[] ids) {
    List<Sequence> sequences = new ArrayList<>();
    for (int i = 0; i < ids.length; i++) {
      Session session = sessions.get(i);
      session.oneId[0] = ids[i];
      session.checkIds(session.oneId);
      sequences.add(new Sequence(1, session.length, session.cache));
    }
    take(ids.length);
    Pass pass = new Pass(backend, model.rotary(), sequences);
    model.forward(pass, model.blocks(), layers, ids, 0, null);
    Tensor logits = manyLogits(ids.length).rows(0, ids.length);
    model.logits(step.output(), step.normed(), logits);
    sessions.forEach(session -> session.length++);
    return logits;
  }

  /** So many rows are in flight from now on. */
  private void take(int rows) {
    if (rows > most.input().rows()) {
      most = Activations.inPlace(scope, rows, model.config().hiddenSize());
    }
    if (rows != step.input().rows()) {
      step = most.firstRows(rows);
      layers = Collections.nCopies(layers.size(), step);
    }
  }

  private void pass(int[] ids, int from, int rows, @Nullable Cancellation cancellation) {
    take(rows);
    List<Sequence> sequences = List.of(new Sequence(rows, length, cache));
    Pass pass = new Pass(backend, model.rotary(), sequences);
    model.forward(pass, model.blocks(), layers, ids, from, cancellation);
    length += rows;
  }

  private Tensor logitsOfLastRow() {
    Tensor x = step.output();
    model.logits(x.rows() == 1 ? x : x.rows(x.rows() - 1, 1), lastNormed, lastLogits);
    return lastLogits;
  }

  private void checkIds(int[] ids) {
    if (ids.length == 0) {
      throw new IllegalArgumentException("no ids: a step needs at least one");
    }
    if (ids.length > capacity - length) {
      throw new IllegalArgumentException(
          ids.length
              + " ids after "
              + length
              + " positions exceed the session's "
              + capacity
              + " positions");
    }
    int vocabulary = model.config().vocabularySize();
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0 || ids[i] >= vocabulary) {
        throw new IndexOutOfBoundsException(
            "id " + ids[i] + " at " + i + " is not in 0 to " + (vocabulary - 1));
      }
    }
  }

  /**
   * Forgets what comes after a position.
   *
   * @param newLength 0 to {@link #length()}
   */
  public void truncate(int newLength) {
    if (newLength < 0 || newLength > length) {
      throw new IllegalArgumentException(
          "cannot cut a session of " + length + " positions to " + newLength);
    }
    length = newLength;
  }

  /** A second session with the same past, which it copies. */
  public Session fork() {
    enter();
    try {
      Session copy = new Session(model, capacity, cache.dtype());
      try {
        for (int layer = 0; length > 0 && layer < cache.keys().size(); layer++) {
          copyRows(cache.keys().get(layer), copy.cache.keys().get(layer));
          copyRows(cache.values().get(layer), copy.cache.values().get(layer));
        }
      } catch (RuntimeException | Error e) {
        copy.close();
        throw e;
      }
      copy.length = length;
      return copy;
    } finally {
      exit();
    }
  }

  private void copyRows(Tensor from, Tensor to) {
    backend.copy(from.rows(0, length), to.rows(0, length));
  }

  private void enter() {
    lifetime.enter();
    try {
      model.lifetime().enter();
    } catch (RuntimeException e) {
      lifetime.exit();
      throw e;
    }
  }

  private void exit() {
    model.lifetime().exit();
    lifetime.exit();
  }

  /** Refuses new steps at once and frees its memory after the one that is under way. */
  @Override
  public void close() {
    lifetime.close();
  }
}
