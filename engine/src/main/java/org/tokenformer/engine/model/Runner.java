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
 * Passes over new ids of any number of {@link Session}s, and the memory that a pass needs. What a
 * server does with the conversations that it holds: in one pass a piece of one's prompt and one id
 * of each of the others, for which the weights are read once.
 *
 * <p>Used by one thread at a time; runners of one model may run on different threads at once.
 */
public final class Runner implements AutoCloseable {
  /** Rows of a prompt in a pass: enough that packing the weights once for them costs little. */
  static final int CHUNK = 256;

  /** Rows of logits that are computed together: they are V wide, so fewer. */
  static final int LOGITS_ROWS = 64;

  /** The most rows of a pass. */
  public static final int MAX_ROWS = 1 << 14;

  private static final int MIN_ROWS = 8; // that memory is made for

  /** Which logits of a session's new ids are wanted. */
  public enum Wanted {
    /** None, as of a prompt that is not at its end. */
    NONE,
    /** Those at the last id, from which the next one is chosen. */
    LAST,
    /** Those at every id. */
    ALL
  }

  /**
   * One session's part of a pass: {@code ids[from … from + count − 1]} are appended to it.
   *
   * @param count at least 1
   */
  @SuppressWarnings("ArrayRecordComponent") // a view that lives for one pass
  public record Rows(Session session, int[] ids, int from, int count, Wanted wanted) {
    /** Checks the range. */
    public Rows {
      Objects.checkFromIndexSize(from, count, ids.length);
    }

    /** All ids, with the logits at the last of them. */
    public static Rows of(Session session, int... ids) {
      return new Rows(session, ids, 0, ids.length, Wanted.LAST);
    }
  }

  private final TokenFormer model;
  private final Network network;
  private final Backend backend;
  private final MemoryScope scope;
  private final Lifetime lifetime;
  private final List<Session> sessions = new ArrayList<>(); // of the pass
  private final List<Sequence> sequences = new ArrayList<>(); // one for each
  private int[] ids = new int[MIN_ROWS]; // of all sessions, one after the other
  private int rows;
  private Activations most; // for as many rows as there ever were
  private Activations step; // its first rows; kept, since a token is to allocate nothing
  private List<Activations> layers; // the same for each
  private int[] wanted = new int[1]; // rows whose logits are wanted
  private @Nullable Tensor hidden; // (LOGITS_ROWS, C), rows that do not follow each other
  private Tensor normed; // (n, C)
  private @Nullable Tensor logits; // (n, V)

  Runner(TokenFormer model) {
    this.model = model;
    network = model.network();
    backend = model.backend();
    scope = backend.openScope();
    try {
      most = activations(MIN_ROWS);
      step = most;
      layers = Collections.nCopies(network.blocks().size(), most);
      normed = scope.allocate(DType.F32, Shape.of(1, model.config().hiddenSize()));
    } catch (RuntimeException | Error e) {
      scope.close();
      throw e;
    }
    lifetime = new Lifetime("runner", scope::close);
  }

  /**
   * Bytes that passes over one conversation compute in at most: the rows of a chunk, and logits of
   * some positions. A backend adds packed copies of the weights in use, a few megabytes.
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
   * @param batch at least one part, each of another session of this model, at most {@value
   *     #MAX_ROWS} ids in all; no other thread may be using the sessions
   * @return the logits that are wanted, (rows, V), in the order of the parts and of their ids;
   *     valid until the next pass. No rows if none are wanted
   * @throws IllegalArgumentException if a session is of another model, there twice or full
   * @throws IndexOutOfBoundsException if an id is not in the vocabulary
   * @throws org.tokenformer.engine.backend.CacheFullException if the limit of the model's cache is
   *     reached
   * @throws java.util.concurrent.CancellationException if cancelled; as with any other error, all
   *     sessions are as before then
   */
  public Tensor run(List<Rows> batch, @Nullable Cancellation cancellation) {
    return run(batch, null, cancellation);
  }

  /**
   * The same with the logits in a session's memory.
   *
   * @param owner that session, or null for the runner's own
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
          case LAST -> count = want(rows - 1, 1, count);
          case ALL -> count = want(first, part.count, count);
        }
      }
      forward(cancellation);
      Tensor all = owner == null ? logits(count) : owner.logits(count);
      for (int i = 0; i < count; i += LOGITS_ROWS) {
        int some = Math.min(LOGITS_ROWS, count - i);
        logits(wanted, i, some, all.rows(i, some));
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
            "session %d is of another model, or there twice".formatted(i));
      }
    }
  }

  private int want(int first, int count, int before) {
    if (before + count > wanted.length) {
      wanted = Arrays.copyOf(wanted, Math.max(before + count, 2 * wanted.length));
    }
    for (int i = 0; i < count; i++) {
      wanted[before + i] = first + i;
    }
    return before + count;
  }

  /** Begins a pass. */
  void start() {
    sessions.clear();
    sequences.clear();
    rows = 0;
  }

  /**
   * Takes new ids of a session, which has {@linkplain Session#check checked} them, into the pass,
   * after the one that {@link Session#append} noted.
   *
   * @return the row of the first of them
   */
  int add(Session session, int[] from, int first, int count) {
    int noted = session.noted();
    int added = count + noted;
    if (added > MAX_ROWS - rows) {
      throw new IllegalArgumentException("a pass of more than " + MAX_ROWS + " ids");
    }
    if (rows + added > ids.length) {
      ids = Arrays.copyOf(ids, Math.max(rows + added, 2 * ids.length));
    }
    session.cache().reserve(session.computed(), added);
    sessions.add(session);
    sequences.add(new Sequence(added, session.computed(), session.cache()));
    if (noted > 0) {
      ids[rows] = session.notedId();
    }
    System.arraycopy(from, first, ids, rows + noted, count);
    rows += added;
    return rows - count;
  }

  /** Computes the hidden states of all rows. */
  void forward(@Nullable Cancellation cancellation) {
    if (rows > most.input().rows()) {
      int larger = Math.toIntExact(2 * most.input().rows());
      most = activations(rows <= CHUNK ? Math.min(CHUNK, 4 * rows) : Math.max(rows, larger));
    }
    if (rows != step.input().rows()) {
      step = most.firstRows(rows);
      layers = Collections.nCopies(layers.size(), step);
    }
    PassContext pass = new PassContext(backend, network.rotary(), sequences);
    network.forward(pass, network.blocks(), layers, ids, 0, cancellation);
  }

  /** The sessions have taken the ids in. */
  void finish() {
    for (int i = 0; i < sessions.size(); i++) {
      sessions.get(i).advance(sequences.get(i).rows());
    }
    sessions.clear(); // this may wait for long, and they are to go when they are closed
    sequences.clear();
  }

  /** Logits at the last row. */
  void lastLogits(Tensor out) {
    Tensor x = step.output();
    network.logits(rows == 1 ? x : x.rows(rows - 1L, 1), normed(1), out);
  }

  /** Logits at some rows that follow each other, at most {@link #LOGITS_ROWS}. */
  void logits(int first, int count, Tensor out) {
    network.logits(step.output().rows(first, count), normed(count), out);
  }

  /** Logits at the rows {@code which[from … from + count − 1]}, at most {@link #LOGITS_ROWS}. */
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
      backend.copy(step.output().rows(which[from + i], 1), gathered.rows(i, 1));
    }
    network.logits(gathered.rows(0, count), normed(count), out);
  }

  private Tensor normed(int count) {
    if (count > normed.rows()) {
      normed = scope.allocate(DType.F32, Shape.of(LOGITS_ROWS, model.config().hiddenSize()));
    }
    return count == normed.rows() ? normed : normed.rows(0, count);
  }

  /** Memory for logits of so many rows. */
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

  /** Refuses new passes at once and frees its memory after the one that is under way. */
  @Override
  public void close() {
    lifetime.close();
  }
}
