package org.tokenformer.engine.generate;

import java.util.Arrays;
import org.tokenformer.engine.model.ConfigException;

/**
 * What is to be generated.
 *
 * @param maxTokens ids at most; 0 computes the prompt and generates nothing
 * @param endIds ids that end the text, such as end-of-text; they are not handed out
 * @param sampling how ids are chosen
 */
@SuppressWarnings("ArrayRecordComponent") // copied on the way in and out
public record GenerationOptions(int maxTokens, int[] endIds, SamplingOptions sampling) {
  /** Checks and copies. */
  public GenerationOptions {
    if (maxTokens < 0) {
      throw ConfigException.notAllowed("max_tokens", maxTokens, "at least 0");
    }
    endIds = endIds.clone();
  }

  /** Up to that many ids, without an end, by {@link SamplingOptions#defaults()}. */
  public static GenerationOptions of(int maxTokens) {
    return new GenerationOptions(maxTokens, new int[0], SamplingOptions.defaults());
  }

  /** The same with other ids that end the text. */
  public GenerationOptions endingAt(int... ids) {
    return new GenerationOptions(maxTokens, ids, sampling);
  }

  /** The same with ids chosen in another way. */
  public GenerationOptions sampledBy(SamplingOptions options) {
    return new GenerationOptions(maxTokens, endIds, options);
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
        && sampling.equals(options.sampling);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * maxTokens + Arrays.hashCode(endIds)) + sampling.hashCode();
  }
}
