package org.tokenformer.engine.generate;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.generate.GenerationResult.Finish;

/**
 * Chooses the ids of one continuation: logits in, an id or the reason why it ends out. Knows no
 * session, so that a program which computes many conversations in one pass chooses as {@link
 * Generation} does. Allocates nothing once it is made; used by one thread at a time.
 */
public final class TokenChooser {
  private final int maxTokens;
  private final int[] endIds; // ascending
  private final Sampler sampler;
  private int count;
  private int id;
  private @Nullable Finish finish;

  /**
   * Begins to continue a prompt.
   *
   * @param vocabulary how many ids may be chosen, from 0 on
   * @throws org.tokenformer.engine.model.ConfigException if an id with a bias is not among them
   */
  public TokenChooser(GenerationOptions options, int vocabulary, int... prompt) {
    maxTokens = options.maxTokens();
    endIds = options.endIds();
    Arrays.sort(endIds);
    sampler = new Sampler(options, vocabulary);
    sampler.acceptPrompt(prompt);
  }

  /** Whether another id is wanted; ends it once as many were chosen as were asked for. */
  public boolean wantsMore() {
    if (count == maxTokens) {
      end(Finish.MAX_TOKENS);
    }
    return finish == null;
  }

  /** Chooses by {@link Sampler#sample}; where no id comes, {@link #finish} says why. */
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

  /** The id that {@link #choose} found last. */
  public int id() {
    return id;
  }

  /** Ids that were found, end ids not counted. */
  public int count() {
    return count;
  }

  /** Those at the last choice; see {@link Sampler#logProbabilities}. */
  public LogProbabilities logProbabilities() {
    return sampler.logProbabilities();
  }

  /** Ends it for a reason of the caller's; the first reason stays. */
  public void end(Finish reason) {
    finish = finish == null ? reason : finish;
  }

  /** Why there are no more ids; null while there may be. */
  public @Nullable Finish finish() {
    return finish;
  }
}
