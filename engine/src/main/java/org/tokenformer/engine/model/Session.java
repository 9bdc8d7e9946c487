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
 * One conversation with a model: the cached keys and values of its positions, which determine its
 * memory. A {@link Runner} computes new ids: the caller's, or, for the methods here, one of the
 * model's.
 *
 * <p>How many rows a pass has may change the last bits of each row. The methods here always make
 * the same passes for the same ids: they cut ids at positions that are multiples of {@link
 * Runner#CHUNK}, and {@link #decode} computes its id alone. So the results of a request that
 * prefills a prompt in a new session and then decodes id by id are bit-identical on one machine at
 * one vector width, for every number of threads and whatever other sessions compute. They stay so
 * if the request continues a {@linkplain #fork fork} or a {@linkplain #truncate truncated} session
 * whose length is a multiple of {@code CHUNK}, provided that each of its positions was prefilled,
 * not decoded, by a call that began at position 0 or at another such multiple. Everything else,
 * such as prefixes of other lengths, {@link TokenFormer#step} and runners of the caller's, gives
 * the same results only up to rounding.
 *
 * <p>Used by one thread at a time; sessions of one model may run on different threads concurrently.
 * Only {@link #close} may be called while another thread is in a step: that step ends as usual, and
 * the next one is rejected.
 */
public final class Session implements AutoCloseable {
  /** Receives the logits of consecutive positions. */
  @FunctionalInterface
  public interface LogitsConsumer {
    /**
     * Receives consecutive rows.
     *
     * @param first index, in the given ids, of the id that the first row belongs to
     * @param logits (rows, V), valid until this method returns
     */
    void accept(int first, Tensor logits);
  }

  /** Maximum sessions of a {@link TokenFormer#step}. */
  static final int MAX_TOGETHER = Runner.LOGITS_ROWS;

  private static final int NO_ID = -1;

  private final TokenFormer model;
  private final KeyValueCache cache;
  private final int capacity;
  private final Lifetime lifetime;
  private final int[] oneId = new int[1];
  private int computed; // positions whose keys and values are in the cache
  private int pendingId = NO_ID; // appended, but not computed yet
  private @Nullable MemoryScope scope; // of logits; opened when first needed
  private @Nullable Tensor logits; // (n, V)

  Session(TokenFormer model, int capacity, DType cacheType) {
    this(model, capacity, new KeyValueCache(model.shared().pool(cacheType)));
  }

  private Session(TokenFormer model, int capacity, KeyValueCache cache) {
    int context = model.config().contextLength();
    if (capacity < 1 || capacity > context) {
      throw new IllegalArgumentException(
          "capacity must be between 1 and " + context + " positions, not " + capacity);
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

  /** Returns the model. */
  public TokenFormer model() {
    return model;
  }

  /** Returns the number of positions that it holds. */
  public int length() {
    return computed + pendingCount();
  }

  /** Returns the maximum number of positions that it can hold. */
  public int capacity() {
    return capacity;
  }

  /**
   * Returns the bytes of native memory that it holds, including pages shared with other sessions.
   */
  public long allocatedBytes() {
    long pages = cache.pages() * cache.pool().pageBytes();
    return scope == null ? pages : pages + scope.allocatedBytes();
  }

  /**
   * Appends ids, in passes of the size that suits the backend best.
   *
   * @return the logits of the last id, (1, V), valid until the next step
   * @throws IllegalArgumentException if there are no ids or more than fit
   * @throws IndexOutOfBoundsException if an id is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if cancelled; the session is then unchanged
   */
  public Tensor prefill(int[] ids, @Nullable Cancellation cancellation) {
    pass(ids, model.backend().promptRows(ids.length, model.weightBytes()), null, cancellation);
    return logits(1);
  }

  /** Appends ids without a cancellation; see {@link #prefill(int[], Cancellation)}. */
  public Tensor prefill(int[] ids) {
    return prefill(ids, null);
  }

  /**
   * Appends one id. Allocates almost nothing on the heap.
   *
   * @return the logits of the id, (1, V), valid until the next step
   * @throws java.util.concurrent.CancellationException if the thread is interrupted; after this or
   *     any other error the session is unchanged
   */
  public Tensor decode(int id) {
    oneId[0] = id;
    pass(oneId, 1, null, null);
    return logits(1);
  }

  /**
   * Appends ids and passes the logits of every id to a consumer, in batches of rows.
   *
   * @throws java.util.concurrent.CancellationException if cancelled; the session is then unchanged
   */
  public void logits(int[] ids, LogitsConsumer consumer, @Nullable Cancellation cancellation) {
    pass(ids, Runner.CHUNK, consumer, cancellation);
  }

  /**
   * Appends one id whose logits are not needed, such as the last id of an answer. It is computed
   * together with the next ids, so it costs nothing if none follow.
   *
   * @throws IllegalArgumentException if the session is full
   * @throws IndexOutOfBoundsException if the id is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if an id that was appended before must be
   *     computed now, and the thread is interrupted
   * @throws org.tokenformer.engine.backend.CacheFullException likewise, if the cache limit is
   *     reached
   */
  public void append(int id) {
    enter();
    try {
      oneId[0] = id;
      check(oneId, 0, 1);
    } finally {
      exit();
    }
    int before = pendingId;
    if (before != NO_ID) {
      pendingId = NO_ID;
      try {
        decode(before);
      } catch (RuntimeException | Error e) {
        pendingId = before;
        throw e;
      }
    }
    pendingId = id;
  }

  /**
   * Appends ids in passes that end at multiples of {@link Runner#CHUNK}.
   *
   * @param rows maximum ids per pass before the first of these multiples; after it, a request that
   *     continues a cached prefix must make the same passes as one for the whole prompt
   * @param consumer receives the logits of all ids; if null, {@link #logits(int)} gets those of the
   *     last id
   */
  private void pass(
      int[] ids, int rows, @Nullable LogitsConsumer consumer, @Nullable Cancellation cancellation) {
    int computedBefore = computed;
    int pendingIdBefore = pendingId;
    enter();
    try {
      check(ids, 0, ids.length);
      Runner runner = model.shared().take();
      try {
        int count;
        for (int from = 0; from < ids.length; from += count) {
          count = Math.min(ids.length - from, Runner.CHUNK - length() % Runner.CHUNK);
          count = length() < Runner.CHUNK ? Math.min(count, rows) : count;
          pass(runner, ids, from, count, consumer, cancellation);
        }
        if (consumer == null) {
          runner.lastLogits(logits(1));
        }
      } finally {
        model.shared().giveBack(runner);
      }
    } catch (RuntimeException | Error e) {
      pendingId = pendingIdBefore;
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
      int n = Math.min(Runner.LOGITS_ROWS, count - row);
      Tensor out = runner.logits(n);
      runner.logits(first + row, n, out);
      consumer.accept(from + row, out);
    }
  }

  /** See {@link TokenFormer#step}. */
  static Tensor step(TokenFormer model, List<Session> sessions, int[] ids) {
    int count = sessions.size();
    if (count < 1 || count > MAX_TOGETHER || ids.length != count) {
      throw new IllegalArgumentException(
          "a step needs 1 to %d sessions and one id for each, not %d sessions and %d ids"
              .formatted(MAX_TOGETHER, count, ids.length));
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

  /** Returns memory for logits that the session owns until it is closed. */
  Tensor logits(int rows) {
    Tensor tensor = logits;
    if (tensor == null || tensor.rows() < rows) {
      if (scope == null) {
        scope = model.backend().openScope();
      }
      long capacityRows = tensor == null ? rows : Math.max(rows, 2 * tensor.rows());
      tensor = scope.allocate(DType.F32, Shape.of(capacityRows, model.config().vocabularySize()));
      logits = tensor;
    }
    return rows == tensor.rows() ? tensor : tensor.rows(0, rows);
  }

  /** Checks that these ids can be appended. */
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
            "id " + ids[i] + " at index " + i + " is not between 0 and " + (vocabulary - 1));
      }
    }
  }

  KeyValueCache cache() {
    return cache;
  }

  /** Returns the number of positions whose keys and values are in the cache. */
  int computed() {
    return computed;
  }

  /** Returns how many ids are appended but not computed: 0 or 1. */
  int pendingCount() {
    return pendingId == NO_ID ? 0 : 1;
  }

  int pendingId() {
    return pendingId;
  }

  /** Counts further positions as cached, including that of the pending id. */
  void advance(int rows) {
    computed += rows;
    pendingId = NO_ID;
  }

  /**
   * Discards all positions from {@code newLength} on.
   *
   * @param newLength 0 to {@link #length()}
   */
  public void truncate(int newLength) {
    if (newLength < 0 || newLength > length()) {
      throw new IllegalArgumentException(
          "cannot truncate a session of " + length() + " positions to " + newLength);
    }
    if (newLength <= computed) {
      enter();
      try {
        pendingId = NO_ID;
        computed = newLength;
        cache.truncate(newLength);
      } finally {
        exit();
      }
    }
  }

  /**
   * Creates a second session with the same positions; both share the memory of their cached keys
   * and values. Ids appended to one do not affect the other.
   */
  public Session fork() {
    enter();
    try {
      Session fork = new Session(model, capacity, cache.fork(computed));
      fork.computed = computed;
      fork.pendingId = pendingId;
      return fork;
    } finally {
      exit();
    }
  }

  /** Keeps its memory and the model's from being freed until {@link #exit}. */
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

  /** Returns whether it has not been closed yet. */
  public boolean isOpen() {
    return lifetime.isOpen();
  }

  /**
   * Rejects new steps immediately and frees the memory once a running step has ended, including the
   * logits of the last step.
   */
  @Override
  public void close() {
    lifetime.close();
  }
}
