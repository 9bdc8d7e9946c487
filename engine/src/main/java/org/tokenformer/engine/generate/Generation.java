package org.tokenformer.engine.generate;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.generate.GenerationResult.Finish;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The generation loop: a session computes logits, a {@link TokenChooser} chooses an id, and so on.
 * Steady decoding allocates nothing on the heap. At the end, the session contains every generated
 * id unless it is full, so a conversation can continue after the whole text. Used by one thread.
 */
public final class Generation {
  private final Session session;
  private final int[] prompt;
  private final @Nullable Cancellation cancellation;
  private final TokenChooser chooser;
  private final float[] logits; // (V)
  private final MemorySegment logitsSegment;
  private boolean prefilled;
  private boolean pending; // the last id was generated but is not in the session yet
  private long start = System.nanoTime();
  private long decodeStart;
  private @Nullable GenerationResult result;

  /**
   * Prepares a generation; the first {@link #advance} appends the prompt to the session.
   *
   * @param prompt at least one id
   * @param cancellation checked between layers, chunks and ids; null for none
   */
  public Generation(
      Session session,
      int[] prompt,
      GenerationOptions options,
      @Nullable Cancellation cancellation) {
    this.session = session;
    this.prompt = prompt.clone();
    this.cancellation = cancellation;
    chooser = new TokenChooser(options, session.model().config().tokenizerVocabularySize(), prompt);
    logits = new float[session.model().config().vocabularySize()];
    logitsSegment = MemorySegment.ofArray(logits);
  }

  /** Generates until the end; the consumer receives each id and decides whether to continue. */
  public static GenerationResult run(
      Session session,
      int[] prompt,
      GenerationOptions options,
      TokenConsumer consumer,
      @Nullable Cancellation cancellation) {
    Generation generation = new Generation(session, prompt, options, cancellation);
    while (generation.advance()) {
      boolean more = false;
      try {
        more = consumer.accept(generation.id());
      } finally {
        if (!more) {
          generation.stop();
        }
      }
    }
    return generation.result();
  }

  /**
   * Generates the next id; returns false if the generation has ended, for the reason in {@link
   * #result}.
   *
   * @throws IllegalArgumentException if the prompt is empty or does not fit into the session
   */
  public boolean advance() {
    if (chooser.finish() == null) {
      try {
        step();
      } catch (CancellationException e) {
        chooser.end(Finish.CANCELLED);
      } catch (RuntimeException | Error e) {
        if (prefilled) { // otherwise the prompt can be retried
          stop();
        }
        throw e;
      }
      conclude();
    }
    return chooser.finish() == null;
  }

  private void step() {
    Tensor next;
    if (!prefilled) {
      start = System.nanoTime();
      next = session.prefill(prompt, cancellation);
      prefilled = true;
      decodeStart = System.nanoTime();
    } else if (chooser.wantsMore() && session.length() < session.capacity()) {
      next = session.decode(chooser.id());
      pending = false;
    } else {
      chooser.end(Finish.CONTEXT_FULL);
      return;
    }
    if (chooser.wantsMore()) {
      Cancellation.check(cancellation);
      session.model().backend().download(next, logitsSegment);
      pending = chooser.choose(logits);
    }
  }

  private void conclude() {
    Finish finish = chooser.finish();
    if (finish != null && result == null) {
      long end = System.nanoTime();
      long computed = prefilled ? decodeStart : end;
      result =
          new GenerationResult(
              prompt.length, chooser.count(), finish, computed - start, end - computed);
      if (pending && session.isOpen() && session.length() < session.capacity()) {
        session.append(chooser.id());
      }
    }
  }

  /** Returns the id that the last {@link #advance} generated. */
  public int id() {
    return chooser.id();
  }

  /** Returns the log-probabilities at the last id; see {@link Sampler#logProbabilities}. */
  public LogProbabilities logProbabilities() {
    return chooser.logProbabilities();
  }

  /** Ends the generation at the caller's request. */
  public void stop() {
    chooser.end(Finish.STOPPED);
    conclude();
  }

  /**
   * Returns the result.
   *
   * @throws IllegalStateException if the generation has not ended
   */
  public GenerationResult result() {
    if (result == null) {
      throw new IllegalStateException("the generation has not ended");
    }
    return result;
  }
}
