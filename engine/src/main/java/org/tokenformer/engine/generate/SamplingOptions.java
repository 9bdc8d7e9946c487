package org.tokenformer.engine.generate;

import org.tokenformer.engine.model.ConfigException;

/**
 * How the next id is chosen. Applied in the order of HF {@code generate}: repetition penalty,
 * temperature, top-k, top-p, min-p.
 *
 * @param temperature divides the logits; 0 takes the best id every time
 * @param topK keeps the k best ids; 0 keeps all
 * @param topP keeps the fewest best ids whose probabilities reach p together; 1 keeps all
 * @param minP keeps ids at least p times as probable as the best one; 0 keeps all
 * @param repetitionPenalty makes ids that were seen less probable: positive logits are divided by
 *     it, negative ones multiplied (CTRL, arXiv 1909.05858); 1 does nothing
 * @param seed of the random numbers: same seed, same ids
 */
public record SamplingOptions(
    double temperature, int topK, double topP, double minP, double repetitionPenalty, long seed) {
  /** Checks the numbers. */
  public SamplingOptions {
    require(temperature >= 0 && temperature <= 1000, "temperature", temperature, "0 to 1000");
    require(topK >= 0, "top_k", topK, "at least 0");
    require(topP > 0 && topP <= 1, "top_p", topP, "above 0 and at most 1");
    require(minP >= 0 && minP <= 1, "min_p", minP, "0 to 1");
    require(
        repetitionPenalty >= 0.001 && repetitionPenalty <= 1000,
        "repetition_penalty",
        repetitionPenalty,
        "0.001 to 1000");
  }

  private static void require(boolean valid, String name, Number value, String allowed) {
    if (!valid) {
      throw ConfigException.notAllowed(name, value, allowed);
    }
  }

  /** The best id every time. */
  public static SamplingOptions greedy() {
    return new SamplingOptions(0, 0, 1, 0, 1, 0);
  }

  /** Free but not wild: temperature 0.8, the 40 best, 95 % of the probability. */
  public static SamplingOptions defaults() {
    return new SamplingOptions(0.8, 40, 0.95, 0, 1, 0);
  }

  /** The same with another seed. */
  public SamplingOptions withSeed(long newSeed) {
    return new SamplingOptions(temperature, topK, topP, minP, repetitionPenalty, newSeed);
  }

  /** The same with another temperature. */
  public SamplingOptions withTemperature(double newTemperature) {
    return new SamplingOptions(newTemperature, topK, topP, minP, repetitionPenalty, seed);
  }
}
