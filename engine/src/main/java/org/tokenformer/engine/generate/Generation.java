package org.tokenformer.engine.generate;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.generate.GenerationResult.Finish;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The loop of a text: a session's logits, a {@link TokenChooser}'s id, the next logits. Pulled one
 * id at a time; steady decoding allocates nothing on the heap. When it has ended, every id that was
 * given out is in the session, unless that is full, so a conversation may go on from it. One
 * thread.
 */
public final class Generation {
  private final Session session;
  private final int[] prompt;
  private final @Nullable Cancellation cancellation;
  private final TokenChooser chooser;
  private final float[] logits; // (V)
  private final MemorySegment logitsSegment;
  private boolean begun;
  private boolean ahead; // the last id was given out and is not in the session yet
  private long start;
  private long decodeStart;
  private long end;

  /**
   * Prepares; the first {@link #advance} computes the prompt.
   *
   * @param prompt at least one id, appended to the session
   * @param cancellation asked between layers, chunks and ids; null for none
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

  /**
   * Generates to the end.
   *
   * @param consumer gets each id as soon as it is chosen, and says whether to go on
   * @throws IllegalArgumentException if the prompt is empty or longer than what the session has
   *     left
   */
  public static GenerationResult run(
      Session session,
      int[] prompt,
      GenerationOptions options,
      TokenConsumer consumer,
      @Nullable Cancellation cancellation) {
    Generation generation = new Generation(session, prompt, options, cancellation);
    while (generation.advance()) {
      if (!consumer.accept(generation.id())) {
        generation.stop();
      }
    }
    return generation.result();
  }

  /**
   * Computes until there is another id.
   *
   * @return whether there is one; {@link #result} says why not
   * @throws IllegalArgumentException if the prompt is empty or longer than what the session has
   *     left
   */
  public boolean advance() {
    if (chooser.finish() != null) {
      return false;
    }
    try {
      Tensor next = begun ? decode() : prefill();
      if (next != null && chooser.wantsMore()) {
        Cancellation.check(cancellation);
        session.model().backend().download(next, logitsSegment);
        ahead = chooser.choose(logits);
      }
    } catch (CancellationException e) {
      chooser.end(Finish.CANCELLED);
    }
    return chooser.finish() == null || conclude();
  }

  private Tensor prefill() {
    start = System.nanoTime();
    Tensor next = session.prefill(prompt, cancellation);
    begun = true;
    decodeStart = System.nanoTime();
    return next;
  }

  private @Nullable Tensor decode() {
    if (chooser.wantsMore() && session.length() == session.capacity()) {
      chooser.end(Finish.CONTEXT_FULL);
    }
    if (chooser.finish() != null) {
      return null;
    }
    Tensor next = session.decode(chooser.id());
    ahead = false;
    return next;
  }

  /** The session gets what was given out: the next turn is to go on from the whole text. */
  private boolean conclude() {
    end = System.nanoTime();
    if (!begun) {
      decodeStart = end;
    }
    if (ahead && session.length() < session.capacity()) {
      session.append(chooser.id());
    }
    ahead = false;
    return false;
  }

  /** The id that {@link #advance} found last. */
  public int id() {
    return chooser.id();
  }

  /** See {@link TokenChooser#logProbabilities}. */
  public LogProbabilities logProbabilities() {
    return chooser.logProbabilities();
  }

  /** Ends it: the caller wants no more. */
  public void stop() {
    if (chooser.finish() == null) {
      chooser.end(Finish.STOPPED);
      conclude();
    }
  }

  /**
   * How it went.
   *
   * @throws IllegalStateException if it has not ended
   */
  public GenerationResult result() {
    Finish reason = chooser.finish();
    if (reason == null) {
      throw new IllegalStateException("the generation has not ended");
    }
    long prefillNanos = decodeStart - start;
    return new GenerationResult(
        prompt.length, chooser.count(), reason, prefillNanos, end - decodeStart);
  }
}
