package org.tokenformer.engine.generate;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.generate.GenerationResult.Finish;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The loop of a text: logits, an id, the next logits. Pulled one id at a time, so that callbacks
 * and streams are the same; steady decoding allocates nothing on the heap.
 *
 * <p>Every id that was given out is in the session when the next one is, so a conversation may go
 * on from it. Used by one thread.
 */
public final class Generation {
  private final Session session;
  private final int[] prompt;
  private final GenerationOptions options;
  private final int[] endIds;
  private final @Nullable Cancellation cancellation;
  private final Sampler sampler;
  private final float[] logits; // (V)
  private final MemorySegment logitsSegment;
  private int count;
  private int id;
  private @Nullable Finish finish;
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
    this.options = options;
    this.endIds = options.endIds();
    this.cancellation = cancellation;
    int ids = session.model().config().tokenizerVocabularySize();
    sampler = new Sampler(options.sampling(), ids);
    for (int seen : prompt) {
      sampler.accept(seen);
    }
    logits = new float[session.model().config().vocabularySize()];
    logitsSegment = MemorySegment.ofArray(logits);
  }

  /**
   * Generates to the end.
   *
   * @param prompt at least one id, appended to the session
   * @param consumer gets each id as soon as it is chosen, and says whether to go on
   * @param cancellation asked between layers, chunks and ids; null for none
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
    if (finish != null) {
      return false;
    }
    try {
      Tensor next = start == 0 ? firstLogits() : nextLogits();
      if (next == null) {
        return false;
      }
      if (cancellation != null && cancellation.isCancelled()) {
        return finish(Finish.CANCELLED);
      }
      session.model().backend().download(next, logitsSegment);
    } catch (CancellationException e) {
      return finish(Finish.CANCELLED);
    }
    id = sampler.sample(logits);
    for (int endId : endIds) {
      if (id == endId) {
        return finish(Finish.END_OF_TEXT);
      }
    }
    sampler.accept(id);
    count++;
    return true;
  }

  private @Nullable Tensor firstLogits() {
    start = System.nanoTime();
    decodeStart = start;
    Tensor next = session.prefill(prompt, cancellation);
    decodeStart = System.nanoTime();
    if (options.maxTokens() == 0) {
      finish(Finish.MAX_TOKENS);
      return null;
    }
    return next;
  }

  private @Nullable Tensor nextLogits() {
    if (count == options.maxTokens()) {
      finish(Finish.MAX_TOKENS);
      return null;
    }
    if (session.length() == session.capacity()) {
      finish(Finish.CONTEXT_FULL);
      return null;
    }
    return session.decode(id);
  }

  private boolean finish(Finish reason) {
    finish = reason;
    end = System.nanoTime();
    if (decodeStart == start) { // cancelled in the prompt
      decodeStart = end;
    }
    return false;
  }

  /** The id that {@link #advance} found last. */
  public int id() {
    return id;
  }

  /** Ends it: the caller wants no more. */
  public void stop() {
    if (finish == null) {
      finish(Finish.STOPPED);
    }
  }

  /**
   * How it went.
   *
   * @throws IllegalStateException if it has not ended
   */
  public GenerationResult result() {
    Finish reason = finish;
    if (reason == null) {
      throw new IllegalStateException("the generation has not ended");
    }
    return new GenerationResult(
        prompt.length, count, reason, decodeStart - start, end - decodeStart);
  }
}
