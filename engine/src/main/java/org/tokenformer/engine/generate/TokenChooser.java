package org.tokenformer.engine.generate;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.generate.GenerationResult.Finish;

/**
 * Chooses the ids of one continuation: takes logits and returns an id or the reason why the
 * continuation ends. It is independent of sessions, so that a program that computes many
 * conversations in one pass chooses exactly like {@link Generation}. Allocates nothing after
 * construction; used by one thread at a time.
 */
public final class TokenChooser {
  private final int maxTokens;
  private final int[] endIds; // ascending
  private final Sampler sampler;
  private int count;
  private int id;
  private @Nullable Finish finish;

  /**
   * Starts a continuation of a prompt.
   *
   * @param vocabulary number of ids that can be chosen, starting at 0
   * @throws org.tokenformer.engine.model.ConfigException if an id with a bias is not in the
   *     vocabulary
   */
  public TokenChooser(GenerationOptions options, int vocabulary, int... prompt) {
    maxTokens = options.maxTokens();
    endIds = options.endIds();
    Arrays.sort(endIds);
    sampler = new Sampler(options, vocabulary);
    sampler.acceptPrompt(prompt);
  }

  /** Returns whether another id is needed; ends the continuation at the maximum number of ids. */
  public boolean wantsMore() {
    if (count == maxTokens) {
      end(Finish.MAX_TOKENS);
    }
    return finish == null;
  }

  /** Chooses an id; returns false if there is none, for the reason in {@link #finish}. */
  public boolean choose(float[] logits) {
    if (wantsMore()) {
      int chosen = sampler.sample(logits);
      if (chosen == Sampler.NONE || Arrays.binarySearch(endIds, chosen) >= 0) {
        end(Finish.END_OF_TEXT);
      } else {
        sampler.accept(chosen);
        id = chosen;
        count++;
      }
    }
    return finish == null;
  }

  /** Returns the id that the last {@link #choose} chose. */
  public int id() {
    return id;
  }

  /** Returns the number of chosen ids, not counting end ids. */
  public int count() {
    return count;
  }

  /** Returns the log-probabilities at the last choice; see {@link Sampler#logProbabilities}. */
  public LogProbabilities logProbabilities() {
    return sampler.logProbabilities();
  }

  /** Ends the continuation for the given reason; only the first call has an effect. */
  public void end(Finish reason) {
    finish = finish == null ? reason : finish;
  }

  /** Returns why the continuation ended; null if it has not ended. */
  public @Nullable Finish finish() {
    return finish;
  }
}
