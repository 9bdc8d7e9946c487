package org.tokenformer.engine.model;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.KeyValueCache;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * One conversation with a model: the keys and values of its past. It costs the memory of the
 * positions that it holds; a pass over new ids happens in a {@link Runner}, of the caller's or, for
 * the methods here, of the model's.
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

  /** Sessions that can go on together in {@link TokenFormer#step}. */
  static final int MAX_TOGETHER = Runner.LOGITS_ROWS;

  private static final int NO_ID = -1;

  private final TokenFormer model;
  private final KeyValueCache cache;
  private final int capacity;
  private final Lifetime lifetime;
  private final int[] oneId = new int[1];
  private int computed; // positions whose keys and values are in the cache
  private int noted = NO_ID; // one more id, not computed yet
  private @Nullable MemoryScope scope; // of logits, when first needed
  private @Nullable Tensor logits; // (n, V)

  Session(TokenFormer model, int capacity, DType cacheType) {
    this(model, capacity, new KeyValueCache(model.shared().pool(cacheType)));
  }

  private Session(TokenFormer model, int capacity, KeyValueCache cache) {
    int context = model.config().contextLength();
    if (capacity < 1 || capacity > context) {
      throw new IllegalArgumentException(
          "a session of " + capacity + " positions; the model has 1 to " + context);
    }
    this.model = model;
    this.capacity = capacity;
    this.cache = cache;
    lifetime = new Lifetime("session", this::free);
  }

  private void free() {
    cache.close();
    if (scope != null) {
      scope.close();
    }
  }

  /** The model that it talks to. */
  public TokenFormer model() {
    return model;
  }

  /** Positions that it holds. */
  public int length() {
    return computed + noted();
  }

  /** Positions that it can hold. */
  public int capacity() {
    return capacity;
  }

  /** Bytes of native memory that it holds, pages that it shares with others included. */
  public long allocatedBytes() {
    long pages = cache.pages() * cache.pool().pageBytes();
    return scope == null ? pages : pages + scope.allocatedBytes();
  }

  /**
   * Appends ids, in passes of as many as the backend computes best.
   *
   * @return the logits at the last of them, (1, V), valid until the next step
   * @throws IllegalArgumentException if there are none or more than fit
   * @throws IndexOutOfBoundsException if one of them is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if cancelled; the session is as before then
   */
  public Tensor prefill(int[] ids, @Nullable Cancellation cancellation) {
    int rows = model.backend().promptRows(ids.length, model.weightBytes());
    pass(ids, Math.min(rows, Runner.CHUNK), null, cancellation);
    return logits(1);
  }

  /** Appends ids that are wanted in any case; see {@link #prefill(int[], Cancellation)}. */
  public Tensor prefill(int[] ids) {
    return prefill(ids, null);
  }

  /**
   * Appends one id. Allocates next to nothing on the heap.
   *
   * @return the logits at it, (1, V), valid until the next step
   * @throws java.util.concurrent.CancellationException if the thread is interrupted; as with any
   *     other error, the session is as before then
   */
  public Tensor decode(int id) {
    oneId[0] = id;
    pass(oneId, 1, null, null);
    return logits(1);
  }

  /**
   * Appends ids and hands out the logits at every one of them, piece by piece.
   *
   * @throws java.util.concurrent.CancellationException if cancelled; the session is as before then
   */
  public void logits(int[] ids, LogitsConsumer consumer, @Nullable Cancellation cancellation) {
    pass(ids, Runner.CHUNK, consumer, cancellation);
  }

  /**
   * Appends one id whose logits are not wanted, such as the last one of an answer. It is computed
   * together with what comes next, so that it costs nothing if nothing does.
   *
   * @throws IllegalArgumentException if the session is full
   * @throws IndexOutOfBoundsException if it is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if another one was appended before, which is
   *     computed now, and the thread is interrupted
   * @throws org.tokenformer.engine.backend.CacheFullException likewise, if the limit is reached
   */
  public void append(int id) {
    enter();
    try {
      oneId[0] = id;
      check(oneId, 0, 1);
    } finally {
      exit();
    }
    int before = noted;
    if (before != NO_ID) {
      noted = NO_ID;
      try {
        decode(before);
      } catch (RuntimeException | Error e) {
        noted = before;
        throw e;
      }
    }
    noted = id;
  }

  /**
   * Passes of some rows each.
   *
   * @param consumer gets the logits at all ids; null for those at the last one in {@link
   *     #logits(int)}
   */
  private void pass(
      int[] ids, int rows, @Nullable LogitsConsumer consumer, @Nullable Cancellation cancellation) {
    int computedBefore = computed;
    int notedBefore = noted;
    enter();
    try {
      check(ids, 0, ids.length);
      Runner runner = model.shared().take();
      try {
        for (int from = 0; from < ids.length; from += rows) {
          pass(runner, ids, from, Math.min(rows, ids.length - from), consumer, cancellation);
        }
        if (consumer == null) {
          runner.lastLogits(logits(1));
        }
      } finally {
        model.shared().giveBack(runner);
      }
    } catch (RuntimeException | Error e) {
      noted = notedBefore;
      computed = computedBefore;
      cache.truncate(computed);
      throw e;
    } finally {
      exit();
    }
  }

  private void pass(
      Runner runner,
      int[] ids,
      int from,
      int count,
      @Nullable LogitsConsumer consumer,
      @Nullable Cancellation cancellation) {
    runner.start();
    int first = runner.add(this, ids, from, count);
    runner.forward(cancellation);
    runner.finish();
    for (int row = 0; consumer != null && row < count; row += Runner.LOGITS_ROWS) {
      int some = Math.min(Runner.LOGITS_ROWS, count - row);
      Tensor out = runner.logits(some);
      runner.logits(first + row, some, out);
      consumer.accept(from + row, out);
    }
  }

  /** See {@link TokenFormer#step}. */
  static Tensor step(TokenFormer model, List<Session> sessions, int[] ids) {
    int count = sessions.size();
    if (count < 1 || count > MAX_TOGETHER || ids.length != count) {
      throw new IllegalArgumentException(
          "%d ids for %d sessions; one for each of 1 to %d"
              .formatted(ids.length, count, MAX_TOGETHER));
    }
    List<Runner.Rows> batch = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      batch.add(new Runner.Rows(sessions.get(i), ids, i, 1, Runner.Wanted.LAST));
    }
    model.lifetime().enter();
    try {
      Runner runner = model.shared().take();
      try {
        return runner.run(batch, sessions.getFirst(), null);
      } finally {
        model.shared().giveBack(runner);
      }
    } finally {
      model.lifetime().exit();
    }
  }

  /** Memory for logits of so many rows, its own until it is closed. */
  Tensor logits(int rows) {
    Tensor tensor = logits;
    if (tensor == null || tensor.rows() < rows) {
      if (scope == null) {
        scope = model.backend().openScope();
      }
      long more = tensor == null ? rows : Math.max(rows, 2 * tensor.rows());
      tensor = scope.allocate(DType.F32, Shape.of(more, model.config().vocabularySize()));
      logits = tensor;
    }
    return rows == tensor.rows() ? tensor : tensor.rows(0, rows);
  }

  /** Whether these ids can be appended. */
  void check(int[] ids, int from, int count) {
    if (count < 1) {
      throw new IllegalArgumentException("no ids: a step needs at least one");
    }
    if (count > capacity - length()) {
      throw new IllegalArgumentException(
          count
              + " ids after "
              + length()
              + " positions exceed the session's "
              + capacity
              + " positions");
    }
    int vocabulary = model.config().vocabularySize();
    for (int i = from; i < from + count; i++) {
      if (ids[i] < 0 || ids[i] >= vocabulary) {
        throw new IndexOutOfBoundsException(
            "id " + ids[i] + " at " + i + " is not in 0 to " + (vocabulary - 1));
      }
    }
  }

  KeyValueCache cache() {
    return cache;
  }

  /** Positions whose keys and values are in the cache. */
  int computed() {
    return computed;
  }

  /** How many ids are appended and not computed: 0 or 1. */
  int noted() {
    return noted == NO_ID ? 0 : 1;
  }

  int notedId() {
    return noted;
  }

  /** So many positions more are in the cache, the noted id's among them. */
  void advance(int rows) {
    computed += rows;
    noted = NO_ID;
  }

  /**
   * Forgets what comes after a position.
   *
   * @param newLength 0 to {@link #length()}
   */
  public void truncate(int newLength) {
    if (newLength < 0 || newLength > length()) {
      throw new IllegalArgumentException(
          "cannot cut a session of " + length() + " positions to " + newLength);
    }
    if (newLength <= computed) {
      enter();
      try {
        noted = NO_ID;
        computed = newLength;
        cache.truncate(newLength);
      } finally {
        exit();
      }
    }
  }

  /** A second session with the same past, which they share: what either adds is its own. */
  public Session fork() {
    enter();
    try {
      Session fork = new Session(model, capacity, cache.fork(computed));
      fork.computed = computed;
      fork.noted = noted;
      return fork;
    } finally {
      exit();
    }
  }

  /** Its memory and the model's stay until {@link #exit}. */
  void enter() {
    lifetime.enter();
    try {
      model.lifetime().enter();
    } catch (RuntimeException e) {
      lifetime.exit();
      throw e;
    }
  }

  void exit() {
    model.lifetime().exit();
    lifetime.exit();
  }

  /** Whether it was not closed yet. */
  public boolean isOpen() {
    return lifetime.isOpen();
  }

  /**
   * Refuses new steps at once and frees its memory after the one that is under way, the logits of
   * the last step included.
   */
  @Override
  public void close() {
    lifetime.close();
  }
}
