package org.tokenformer.engine.generate;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.generate.GenerationResult.Finish;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.tensor.Tensor;

/** The loop: logits, an id, the next logits. Steady decoding allocates nothing on the heap. */
public final class Generator {
  private Generator() {}

  /**
   * Appends a prompt to a session and generates ids behind it. Every id that was handed out is in
   * the session afterwards, but the last one only if another was computed behind it.
   *
   * @param prompt at least one id
   * @param consumer gets each id as soon as it is chosen
   * @param cancellation asked between layers, chunks and ids; null for none
   * @throws IllegalArgumentException if the prompt is empty or longer than what is left
   */
  public static GenerationResult generate(
      Session session,
      int[] prompt,
      GenerationOptions options,
      TokenConsumer consumer,
      @Nullable Cancellation cancellation) {
    long start = System.nanoTime();
    Sampler sampler =
        new Sampler(options.sampling(), session.model().config().tokenizerVocabularySize());
    Tensor logits;
    try {
      logits = session.prefill(prompt, cancellation);
    } catch (CancellationException e) {
      long end = System.nanoTime();
      return new GenerationResult(prompt.length, 0, Finish.CANCELLED, end - start, 0);
    }
    for (int id : prompt) {
      sampler.accept(id);
    }
    long decodeStart = System.nanoTime();
    int[] endIds = options.endIds();
    float[] values = new float[session.model().config().vocabularySize()];
    MemorySegment target = MemorySegment.ofArray(values);
    int count = 0;
    Finish finish = Finish.MAX_TOKENS;
    while (count < options.maxTokens()) {
      if (cancellation != null && cancellation.isCancelled()) {
        finish = Finish.CANCELLED;
        break;
      }
      session.model().backend().download(logits, target);
      int id = sampler.sample(values);
      if (contains(endIds, id)) {
        finish = Finish.END_OF_TEXT;
        break;
      }
      sampler.accept(id);
      count++;
      if (!consumer.accept(id)) {
        finish = Finish.STOPPED;
        break;
      }
      if (count == options.maxTokens()) {
        break;
      }
      if (session.length() == session.capacity()) {
        finish = Finish.CONTEXT_FULL;
        break;
      }
      logits = session.decode(id);
    }
    long end = System.nanoTime();
    return new GenerationResult(
        prompt.length, count, finish, decodeStart - start, end - decodeStart);
  }

  private static boolean contains(int[] ids, int wanted) {
    for (int id : ids) {
      if (id == wanted) {
        return true;
      }
    }
    return false;
  }
}
