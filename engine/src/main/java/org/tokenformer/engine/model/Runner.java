package org.tokenformer.engine.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Runs passes over new ids of any number of {@link Session}s and owns the memory that a pass needs.
 * A server, for example, computes a chunk of one conversation's prompt and one id of each other
 * conversation in the same pass, which reads the weights once. The logits may differ by rounding
 * from those of a {@link Session} alone, whose class says which results are bit-identical.
 *
 * <p>Used by one thread at a time; runners of one model may run on different threads concurrently.
 */
public final class Runner implements AutoCloseable {
  /**
   * Maximum rows of a prompt per pass: enough to amortise packing the weights. A {@link Session}
   * cuts its ids at positions that are multiples of it.
   */
  public static final int CHUNK = 256;

  /** Maximum rows of logits computed together: fewer, since each is V wide. */
  static final int LOGITS_ROWS = 64;

  /** Maximum rows of a pass. */
  public static final int MAX_ROWS = 1 << 14;

  private static final int MIN_ROWS = 8; // allocated initially

  /** Which logits of a session's new ids to compute. */
  public enum Wanted {
    /** None, for example for a chunk of a prompt that is not its last. */
    NONE,
    /** Those of the last id, from which the next id is sampled. */
    LAST,
    /** Those of every id. */
    ALL
  }

  /**
   * One session's part of a pass: {@code ids[from … from + count − 1]} are appended to the session.
   *
   * @param count at least 1
   */
  @SuppressWarnings("ArrayRecordComponent") // a view used for one pass
  public record Rows(Session session, int[] ids, int from, int count, Wanted wanted) {
    /** Checks the range. */
    public Rows {
      Objects.checkFromIndexSize(from, count, ids.length);
    }

    /** Returns a part with all of these ids and the logits of the last one. */
    public static Rows of(Session session, int... ids) {
      return new Rows(session, ids, 0, ids.length, Wanted.LAST);
    }
  }

  private final TokenFormer model;
  private final Network network;
  private final Backend backend;
  private final MemoryScope scope;
  private final Lifetime lifetime;
  private final List<Session> sessions = new ArrayList<>(); // of the current pass
  private final List<Sequence> sequences = new ArrayList<>(); // one per session
  private int[] ids = new int[MIN_ROWS]; // of all sessions, concatenated
  private int rows;
  private Activations largest; // for the largest pass so far
  private Activations current; // its first rows; cached so that decoding allocates nothing
  private List<Activations> layers; // current, once per block
  private int[] wanted = new int[1]; // rows whose logits are computed
  private @Nullable Tensor hidden; // (LOGITS_ROWS, C), gathered rows
  private Tensor normed; // (n, C)
  private @Nullable Tensor logits; // (n, V)

  Runner(TokenFormer model) {
    this.model = model;
    network = model.network();
    backend = model.backend();
    scope = backend.openScope();
    try {
      largest = activations(MIN_ROWS);
      current = largest;
      layers = Collections.nCopies(network.blocks().size(), largest);
      normed = scope.allocate(DType.F32, Shape.of(1, model.config().hiddenSize()));
    } catch (RuntimeException | Error e) {
      scope.close();
      throw e;
    }
    lifetime = new Lifetime("runner", scope::close);
  }

  /**
   * Returns the maximum scratch memory, in bytes, of passes over one conversation: the activations
   * of a chunk and the logits of some positions. A backend adds a few megabytes of packed copies of
   * the weights in use.
   */
  public static long scratchBytes(TokenFormerConfig config) {
    long rows = Math.min(CHUNK, config.contextLength());
    long logitsRows = Math.min(LOGITS_ROWS, rows) + 1;
    long hidden = (Activations.IN_PLACE * rows + 1) * config.hiddenSize();
    return Float.BYTES * (hidden + logitsRows * config.vocabularySize());
  }

  private Activations activations(int count) {
    return Activations.inPlace(scope, count, model.config().hiddenSize());
  }

  /**
   * Appends ids to each of several sessions in one pass.
   *
   * @param batch at least one part, each for a different session of this model, with at most
   *     {@value #MAX_ROWS} ids in total; no other thread may use the sessions meanwhile
   * @return the requested logits, (rows, V), in the order of the parts and of their ids; valid
   *     until the next pass; no rows if none are requested
   * @throws IllegalArgumentException if the batch is empty or too large, or if a session belongs to
   *     another model, is listed twice or is full
   * @throws IndexOutOfBoundsException if an id is not in the vocabulary
   * @throws org.tokenformer.engine.backend.CacheFullException if the limit of the model's cache is
   *     reached
   * @throws java.util.concurrent.CancellationException if cancelled; after this or any other error
   *     all sessions are unchanged
   */
  public Tensor run(List<Rows> batch, @Nullable Cancellation cancellation) {
    return run(batch, null, cancellation);
  }

  /**
   * Runs a pass that writes the logits to the memory of a session.
   *
   * @param owner the session, or null for the runner's own memory
   */
  Tensor run(List<Rows> batch, @Nullable Session owner, @Nullable Cancellation cancellation) {
    lifetime.enter();
    int entered = 0;
    try {
      check(batch);
      for (; entered < batch.size(); entered++) {
        batch.get(entered).session.enter();
      }
      start();
      int count = 0;
      for (Rows part : batch) {
        part.session.check(part.ids, part.from, part.count);
        int first = add(part.session, part.ids, part.from, part.count);
        switch (part.wanted) {
          case NONE -> {}
          case LAST -> count = addWanted(rows - 1, 1, count);
          case ALL -> count = addWanted(first, part.count, count);
        }
      }
      forward(cancellation);
      Tensor all = owner == null ? logits(count) : owner.logits(count);
      for (int i = 0; i < count; i += LOGITS_ROWS) {
        int n = Math.min(LOGITS_ROWS, count - i);
        logits(wanted, i, n, all.rows(i, n));
      }
      finish();
      return all;
    } catch (RuntimeException | Error e) {
      for (int i = 0; i < entered; i++) {
        batch.get(i).session.cache().truncate(batch.get(i).session.computed());
      }
      throw e;
    } finally {
      for (int i = 0; i < entered; i++) {
        batch.get(i).session.exit();
      }
      lifetime.exit();
    }
  }

  private void check(List<Rows> batch) {
    if (batch.isEmpty()) {
      throw new IllegalArgumentException("no sessions: a pass needs at least one");
    }
    Set<Session> different = Collections.newSetFromMap(new IdentityHashMap<>());
    for (int i = 0; i < batch.size(); i++) {
      Session session = batch.get(i).session;
      if (session.model() != model || !different.add(session)) {
        throw new IllegalArgumentException(
            "session %d belongs to another model or is listed twice".formatted(i));
      }
    }
  }

  private int addWanted(int first, int count, int size) {
    if (size + count > wanted.length) {
      wanted = Arrays.copyOf(wanted, Math.max(size + count, 2 * wanted.length));
    }
    for (int i = 0; i < count; i++) {
      wanted[size + i] = first + i;
    }
    return size + count;
  }

  /** Starts a pass. */
  void start() {
    sessions.clear();
    sequences.clear();
    rows = 0;
  }

  /**
   * Adds new ids of a session to the pass, after its pending id if there is one. The session must
   * have {@linkplain Session#check checked} them.
   *
   * @return the row of the first new id
   */
  int add(Session session, int[] from, int first, int count) {
    int pending = session.pendingCount();
    int added = count + pending;
    if (added > MAX_ROWS - rows) {
      throw new IllegalArgumentException(
          "a pass has at most " + MAX_ROWS + " ids; split the batch");
    }
    if (rows + added > ids.length) {
      ids = Arrays.copyOf(ids, Math.max(rows + added, 2 * ids.length));
    }
    session.cache().reserve(session.computed(), added);
    sessions.add(session);
    sequences.add(new Sequence(added, session.computed(), session.cache()));
    if (pending > 0) {
      ids[rows] = session.pendingId();
    }
    System.arraycopy(from, first, ids, rows + pending, count);
    rows += added;
    return rows - count;
  }

  /** Computes the hidden states of all rows. */
  void forward(@Nullable Cancellation cancellation) {
    if (rows > largest.input().rows()) {
      int larger = Math.toIntExact(2 * largest.input().rows());
      largest = activations(rows <= CHUNK ? Math.min(CHUNK, 4 * rows) : Math.max(rows, larger));
    }
    if (rows != current.input().rows()) {
      current = largest.firstRows(rows);
      layers = Collections.nCopies(layers.size(), current);
    }
    PassContext pass = new PassContext(backend, network.rotary(), sequences);
    network.forward(pass, network.blocks(), layers, ids, 0, cancellation);
  }

  /** Advances the sessions by their ids in the pass. */
  void finish() {
    for (int i = 0; i < sessions.size(); i++) {
      sessions.get(i).advance(sequences.get(i).rows());
    }
    sessions.clear(); // an idle runner must not keep closed sessions reachable
    sequences.clear();
  }

  /** Computes the logits of the last row. */
  void lastLogits(Tensor out) {
    Tensor x = current.output();
    network.logits(rows == 1 ? x : x.rows(rows - 1L, 1), false, normed(1), out);
  }

  /** Computes the logits of consecutive rows, at most {@link #LOGITS_ROWS}. */
  void logits(int first, int count, Tensor out) {
    network.logits(current.output().rows(first, count), false, normed(count), out);
  }

  /**
   * Computes the logits of the rows {@code which[from … from + count − 1]}, at most {@link
   * #LOGITS_ROWS}.
   */
  private void logits(int[] which, int from, int count, Tensor out) {
    boolean consecutive = true;
    for (int i = 1; i < count; i++) {
      consecutive &= which[from + i] == which[from + i - 1] + 1;
    }
    if (consecutive) {
      logits(which[from], count, out);
      return;
    }
    Tensor gathered = hidden;
    if (gathered == null) {
      gathered = scope.allocate(DType.F32, Shape.of(LOGITS_ROWS, model.config().hiddenSize()));
      hidden = gathered;
    }
    for (int i = 0; i < count; i++) {
      backend.copy(current.output().rows(which[from + i], 1), gathered.rows(i, 1));
    }
    network.logits(gathered.rows(0, count), false, normed(count), out);
  }

  private Tensor normed(int count) {
    if (count > normed.rows()) {
      normed = scope.allocate(DType.F32, Shape.of(LOGITS_ROWS, model.config().hiddenSize()));
    }
    return count == normed.rows() ? normed : normed.rows(0, count);
  }

  /** Returns memory for {@code count} rows of logits. */
  Tensor logits(int count) {
    Tensor tensor = logits;
    if (tensor == null || tensor.rows() < count) {
      long larger = tensor == null ? 1 : 2 * tensor.rows();
      Shape shape = Shape.of(Math.max(count, larger), model.config().vocabularySize());
      tensor = scope.allocate(DType.F32, shape);
      logits = tensor;
    }
    return tensor.rows(0, count);
  }

  /** Rejects new passes immediately and frees the memory once a running pass has ended. */
  @Override
  public void close() {
    lifetime.close();
  }
}
