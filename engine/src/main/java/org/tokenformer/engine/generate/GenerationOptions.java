package org.tokenformer.engine.generate;

import java.util.Arrays;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.model.ConfigException;

/**
 * Options of a generation.
 *
 * @param maxTokens maximum number of ids; 0 processes the prompt and generates nothing
 * @param endIds ids that end the text, such as end-of-text; they are not returned
 * @param sampling how ids are chosen
 * @param topLogProbabilities number of most probable ids whose log-probabilities are recorded at
 *     each step, in addition to the chosen one; −1 records none
 * @param mask creates, for each generation, a mask that restricts the next id; null allows all ids
 */
@SuppressWarnings("ArrayRecordComponent") // copied on input and output
public record GenerationOptions(
    int maxTokens,
    int[] endIds,
    SamplingOptions sampling,
    int topLogProbabilities,
    @Nullable Supplier<? extends TokenMask> mask) {
  private static final int MAX_TOP_LOG_PROBABILITIES = 1000;

  /** Checks the values and copies the ids. */
  public GenerationOptions {
    if (maxTokens < 0) {
      throw ConfigException.notAllowed("max_tokens", maxTokens, "at least 0");
    }
    if (topLogProbabilities < -1 || topLogProbabilities > MAX_TOP_LOG_PROBABILITIES) {
      throw ConfigException.notAllowed(
          "top_log_probabilities",
          topLogProbabilities,
          "between -1 and " + MAX_TOP_LOG_PROBABILITIES);
    }
    endIds = endIds.clone();
  }

  /** Creates options without a mask and without log-probabilities. */
  public GenerationOptions(int maxTokens, int[] endIds, SamplingOptions sampling) {
    this(maxTokens, endIds, sampling, -1, null);
  }

  /** Returns options with this maximum, no end ids and {@link SamplingOptions#defaults()}. */
  public static GenerationOptions of(int maxTokens) {
    return new GenerationOptions(maxTokens, new int[0], SamplingOptions.defaults());
  }

  /** Returns a copy with these end ids. */
  public GenerationOptions endingAt(int... ids) {
    return new GenerationOptions(maxTokens, ids, sampling, topLogProbabilities, mask);
  }

  /** Returns a copy with these sampling options. */
  public GenerationOptions sampledBy(SamplingOptions options) {
    return new GenerationOptions(maxTokens, endIds, options, topLogProbabilities, mask);
  }

  /** Returns a copy that records log-probabilities of the chosen and the most probable ids. */
  public GenerationOptions withTopLogProbabilities(int count) {
    return new GenerationOptions(maxTokens, endIds, sampling, count, mask);
  }

  /** Returns a copy with a supplier that creates a mask for each generation. */
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
