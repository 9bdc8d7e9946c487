package org.tokenformer.engine.measure;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.generate.Sampler;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Measures how well a model predicts given ids: the loss at every position of a window, or the
 * probabilities of several continuations of one context. Used by one thread.
 */
public final class Scorer implements AutoCloseable {
  private final Session session;
  private final TokenFormer model;
  private final Backend backend;
  private final MemoryScope scope;
  private final Tensor losses; // (window)
  private final float[] row; // (V)

  /**
   * Creates a scorer for windows of at most this many positions.
   *
   * @throws IllegalArgumentException if the window is below 1 or exceeds the model's context length
   * @throws IllegalStateException if the model is closed
   */
  public Scorer(TokenFormer model, int window) {
    this.model = model;
    session = model.newSession(window, DType.F32);
    backend = model.backend();
    row = new float[model.config().vocabularySize()];
    scope = backend.openScope();
    losses = scope.allocate(DType.F32, Shape.of(window));
  }

  /**
   * Returns the negative natural log-probabilities of {@code ids[from + 1 … from + count]}, each
   * given the preceding ids of the window, which starts at {@code from}.
   *
   * @return count losses
   * @throws IndexOutOfBoundsException if an id is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if cancelled
   */
  public float[] losses(int[] ids, int from, int count, @Nullable Cancellation cancellation) {
    session.truncate(0);
    int[] inputs = Arrays.copyOfRange(ids, from, from + count);
    float[] result = new float[count];
    session.logits(
        inputs,
        (first, logits) -> losses(logits, ids, from + first + 1, result, first),
        cancellation);
    return result;
  }

  /** Writes the losses of some rows, whose targets start at {@code from}, to {@code result}. */
  private void losses(Tensor logits, int[] targets, int from, float[] result, int at) {
    int rows = Math.toIntExact(logits.rows());
    Tensor part = losses.view(Shape.of(rows));
    backend.crossEntropy(logits, targets, from, part);
    float[] chunk = new float[rows];
    backend.download(part, MemorySegment.ofArray(chunk));
    System.arraycopy(chunk, 0, result, at, rows);
  }

  /**
   * Scores several continuations of one context, as for a multiple-choice question. The context is
   * computed once, and each continuation is computed in a {@linkplain Session#fork fork}.
   *
   * @param context at least one id
   * @param continuations each with at least one id; context and continuation together may have one
   *     id more than the window has positions, since the last id is not an input
   * @return a score for each continuation, in the same order
   * @throws IllegalArgumentException if one of them is empty or too long; the message names it
   * @throws IndexOutOfBoundsException if an id is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if cancelled
   */
  public List<ContinuationScore> continuations(
      int[] context, List<int[]> continuations, @Nullable Cancellation cancellation) {
    check(context, continuations);
    session.truncate(0);
    Tensor logits = session.prefill(context, cancellation);
    List<Scoring> scorings = new ArrayList<>();
    for (int[] ids : continuations) {
      Scoring scoring = new Scoring(ids);
      scoring.accept(0, logits); // before the first fork: the next pass overwrites the logits
      scorings.add(scoring);
    }
    for (Scoring scoring : scorings) {
      if (scoring.ids.length > 1) {
        try (Session fork = session.fork()) {
          fork.logits(
              Arrays.copyOf(scoring.ids, scoring.ids.length - 1),
              (first, rows) -> scoring.accept(first + 1, rows),
              cancellation);
        }
      }
    }
    return scorings.stream().map(Scoring::score).toList();
  }

  private void check(int[] context, List<int[]> continuations) {
    checkIds("the context", context);
    for (int i = 0; i < continuations.size(); i++) {
      int[] ids = continuations.get(i);
      String name = "continuations[" + i + "]";
      checkIds(name, ids);
      if (ids.length - 1L > session.capacity() - context.length) {
        throw new IllegalArgumentException(
            ("%s has %d ids after a context of %d; with a window of %d positions they"
                    + " may have %d ids in total")
                .formatted(
                    name, ids.length, context.length, session.capacity(), session.capacity() + 1L));
      }
    }
  }

  private void checkIds(String name, int[] ids) {
    if (ids.length == 0) {
      throw new IllegalArgumentException(name + " is empty; give at least one id");
    }
    int vocabulary = model.config().vocabularySize();
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0 || ids[i] >= vocabulary) {
        throw new IndexOutOfBoundsException(
            "%s: id %d at index %d is not between 0 and %d"
                .formatted(name, ids[i], i, vocabulary - 1));
      }
    }
  }

  /** A continuation and its results so far. */
  private final class Scoring {
    final int[] ids;
    private final float[] losses;
    private boolean greedy = true;

    Scoring(int[] ids) {
      this.ids = ids.clone();
      losses = new float[ids.length];
    }

    /** Processes logits (rows, V) that predict {@code ids[first …]}. */
    void accept(int first, Tensor logits) {
      losses(logits, ids, first, losses, first);
      for (int i = 0; greedy && i < logits.rows(); i++) {
        greedy = isBest(logits.rows(i, 1), ids[first + i]);
      }
    }

    ContinuationScore score() {
      float[] logProbabilities = new float[losses.length];
      for (int i = 0; i < losses.length; i++) {
        logProbabilities[i] = -losses[i];
      }
      return new ContinuationScore(logProbabilities, greedy);
    }
  }

  /** Returns whether greedy sampling chooses an id; it never chooses padding. */
  private boolean isBest(Tensor logits, int id) {
    backend.download(logits, MemorySegment.ofArray(row));
    return id == Sampler.best(row, model.config().tokenizerVocabularySize());
  }

  @Override
  public void close() {
    session.close();
    scope.close();
  }
}
