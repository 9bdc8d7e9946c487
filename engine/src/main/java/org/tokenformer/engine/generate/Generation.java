package org.tokenformer.engine.generate;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.generate.GenerationResult.Finish;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The loop of a text: a session's logits, a {@link TokenChooser}'s id, the next logits. Steady
 * decoding allocates nothing on the heap. At the end every id that was given out is in the session,
 * unless that is full, so that a conversation goes on from the whole text. One thread.
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
  private long start = System.nanoTime();
  private long decodeStart;
  private @Nullable GenerationResult result;

  /**
   * Prepares; the first {@link #advance} appends the prompt to the session.
   *
   * @param prompt at least one id
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

  /** Generates to the end; the consumer gets each id at once, and says whether to go on. */
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
   * Computes until there is another id; where there is none, {@link #result} says why.
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
        if (begun) { // else the prompt may be tried again
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
    if (!begun) {
      start = System.nanoTime();
      next = session.prefill(prompt, cancellation);
      begun = true;
      decodeStart = System.nanoTime();
    } else if (chooser.wantsMore() && session.length() < session.capacity()) {
      next = session.decode(chooser.id());
      ahead = false;
    } else {
      chooser.end(Finish.CONTEXT_FULL);
      return;
    }
    if (chooser.wantsMore()) {
      Cancellation.check(cancellation);
      session.model().backend().download(next, logitsSegment);
      ahead = chooser.choose(logits);
    }
  }

  private void conclude() {
    Finish finish = chooser.finish();
    if (finish != null && result == null) {
      long end = System.nanoTime();
      long computed = begun ? decodeStart : end;
      result =
          new GenerationResult(
              prompt.length, chooser.count(), finish, computed - start, end - computed);
      if (ahead && session.isOpen() && session.length() < session.capacity()) {
        session.append(chooser.id());
      }
    }
  }

  /** The id that {@link #advance} found last. */
  public int id() {
    return chooser.id();
  }

  /** Those at the last id; see {@link Sampler#logProbabilities}. */
  public LogProbabilities logProbabilities() {
    return chooser.logProbabilities();
  }

  /** Ends it: the caller wants no more. */
  public void stop() {
    chooser.end(Finish.STOPPED);
    conclude();
  }

  /**
   * How it went.
   *
   * @throws IllegalStateException if it has not ended
   */
  public GenerationResult result() {
    if (result == null) {
      throw new IllegalStateException("the generation has not ended");
    }
    return result;
  }
}
