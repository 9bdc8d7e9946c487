package org.tokenformer.engine.generate;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.generate.GenerationResult.Finish;

/**
 * Chooses the ids of one continuation: logits in, an id or the reason of its end out. Knows neither
 * session nor backend, so that a program which computes many conversations in one pass chooses as
 * {@link Generation} does. Allocates nothing once it is made; used by one thread at a time.
 */
public final class TokenChooser {
  private final int vocabulary;
  private final int maxTokens;
  private final int[] endIds;
  private final Sampler sampler;
  private final @Nullable TokenMask mask;
  private final BitSet allowed;
  private final @Nullable LogProbabilities logProbabilities;
  private int count;
  private int id;
  private @Nullable Finish finish;

  /**
   * Begins a continuation.
   *
   * @param vocabulary how many ids may be chosen, from 0 on
   * @param prompt counts as seen for the repetition penalty
   * @throws IllegalArgumentException if an id with a bias is not in the vocabulary
   */
  public TokenChooser(GenerationOptions options, int vocabulary, int... prompt) {
    this.vocabulary = vocabulary;
    maxTokens = options.maxTokens();
    endIds = options.endIds();
    sampler = new Sampler(options.sampling(), vocabulary);
    sampler.acceptPrompt(prompt);
    mask = options.mask() == null ? null : options.mask().get();
    allowed = new BitSet(mask == null ? 0 : vocabulary);
    int most = options.topLogProbabilities();
    logProbabilities = most < 0 ? null : new LogProbabilities(vocabulary, most);
  }

  /** Whether another id is wanted; that as many were chosen as were asked for ends it here. */
  public boolean wantsMore() {
    if (count == maxTokens) {
      end(Finish.MAX_TOKENS);
    }
    return finish == null;
  }

  /**
   * Chooses the next id.
   *
   * @param logits at least as many as ids may be chosen; changed by mask, bias and penalties
   * @return whether there is one; {@link #finish} says why not
   * @throws ArithmeticException if they are damaged, see {@link Sampler#sample}
   */
  public boolean choose(float[] logits) {
    if (!wantsMore()) {
      return false;
    }
    if (logProbabilities != null) {
      logProbabilities.read(logits);
    }
    if (mask != null) {
      allowed.clear();
      allowed.set(0, vocabulary);
      mask.narrow(allowed);
      if (allowed.previousSetBit(vocabulary - 1) < 0) {
        end(Finish.END_OF_TEXT);
        return false;
      }
    }
    id = sampler.sample(logits, mask == null ? null : allowed);
    for (int endId : endIds) {
      if (id == endId) {
        end(Finish.END_OF_TEXT);
        return false;
      }
    }
    sampler.accept(id);
    if (mask != null) {
      mask.accept(id);
    }
    count++;
    return true;
  }

  /** The id that {@link #choose} found last. */
  public int id() {
    return id;
  }

  /** Ids that were found, end ids not counted. */
  public int count() {
    return count;
  }

  /** Ends it for a reason of the caller's; the first reason stays. */
  public void end(Finish reason) {
    finish = finish == null ? reason : finish;
  }

  /** Why there are no more ids; null while there may be. */
  public @Nullable Finish finish() {
    return finish;
  }

  /**
   * Those at the id that was found last.
   *
   * @throws IllegalStateException if the options ask for none
   */
  public LogProbabilities logProbabilities() {
    if (logProbabilities == null) {
      throw new IllegalStateException(
          "no log-probabilities; ask with GenerationOptions.withTopLogProbabilities");
    }
    return logProbabilities;
  }
}
