package org.tokenformer.engine.generate;

import java.util.Arrays;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.model.ConfigException;

/**
 * What is to be generated.
 *
 * @param maxTokens ids at most; 0 computes the prompt and generates nothing
 * @param endIds ids that end the text, such as end-of-text; they are not handed out
 * @param sampling how ids are chosen
 * @param topLogProbabilities how many of the most probable ids get their log-probabilities found at
 *     each step, beside the chosen one; −1 finds none
 * @param mask makes the mask that says which ids may come next, one for each generation; null lets
 *     all come
 */
@SuppressWarnings("ArrayRecordComponent") // copied on the way in and out
public record GenerationOptions(
    int maxTokens,
    int[] endIds,
    SamplingOptions sampling,
    int topLogProbabilities,
    @Nullable Supplier<? extends TokenMask> mask) {
  private static final int MAX_TOP_LOG_PROBABILITIES = 1000;

  /** Checks and copies. */
  public GenerationOptions {
    if (maxTokens < 0) {
      throw ConfigException.notAllowed("max_tokens", maxTokens, "at least 0");
    }
    if (topLogProbabilities < -1 || topLogProbabilities > MAX_TOP_LOG_PROBABILITIES) {
      throw ConfigException.notAllowed(
          "top_log_probabilities", topLogProbabilities, "in -1 to " + MAX_TOP_LOG_PROBABILITIES);
    }
    endIds = endIds.clone();
  }

  /** Without a mask and log-probabilities. */
  public GenerationOptions(int maxTokens, int[] endIds, SamplingOptions sampling) {
    this(maxTokens, endIds, sampling, -1, null);
  }

  /** Up to that many ids, without an end, by {@link SamplingOptions#defaults()}. */
  public static GenerationOptions of(int maxTokens) {
    return new GenerationOptions(maxTokens, new int[0], SamplingOptions.defaults());
  }

  /** The same with other ids that end the text. */
  public GenerationOptions endingAt(int... ids) {
    return new GenerationOptions(maxTokens, ids, sampling, topLogProbabilities, mask);
  }

  /** The same with ids chosen in another way. */
  public GenerationOptions sampledBy(SamplingOptions options) {
    return new GenerationOptions(maxTokens, endIds, options, topLogProbabilities, mask);
  }

  /** The same with log-probabilities of the chosen ids and of so many most probable ones. */
  public GenerationOptions withTopLogProbabilities(int most) {
    return new GenerationOptions(maxTokens, endIds, sampling, most, mask);
  }

  /** The same with only those ids that a mask lets come; it is asked for one at each start. */
  public GenerationOptions maskedBy(Supplier<? extends TokenMask> masks) {
    return new GenerationOptions(maxTokens, endIds, sampling, topLogProbabilities, masks);
  }

  @Override
  public int[] endIds() {
    return endIds.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof GenerationOptions options
        && maxTokens == options.maxTokens
        && Arrays.equals(endIds, options.endIds)
        && sampling.equals(options.sampling)
        && topLogProbabilities == options.topLogProbabilities
        && Objects.equals(mask, options.mask);
  }

  @Override
  public int hashCode() {
    return Objects.hash(maxTokens, Arrays.hashCode(endIds), sampling, topLogProbabilities, mask);
  }
}
