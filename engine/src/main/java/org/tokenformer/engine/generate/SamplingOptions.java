package org.tokenformer.engine.generate;

import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.tokenformer.engine.model.ConfigException;

/**
 * How the next id is chosen. The steps are applied in this order, which is that of HF {@code
 * generate} for the steps it has: {@linkplain TokenMask mask}, logit bias, repetition penalty,
 * frequency and presence penalty, temperature, top-k, top-p, min-p.
 *
 * @param temperature divides the logits; 0 always chooses the best id
 * @param topK keeps the k best ids; 0 keeps all
 * @param topP keeps the fewest best ids whose probabilities add up to at least p; 1 keeps all
 * @param minP keeps ids at least p times as probable as the best one; 0 keeps all
 * @param repetitionPenalty makes ids of the prompt (in a conversation, of the current turn's
 *     prompt) and chosen ids less probable: positive logits are divided by it, negative ones
 *     multiplied (CTRL, arXiv 1909.05858); 1 has no effect
 * @param presencePenalty subtracted once from the logit of each chosen id, not counting the prompt,
 *     as in OpenAI's API; 0 has no effect
 * @param frequencyPenalty subtracted as often as the id was chosen, not counting the prompt
 * @param logitBias added to the logits of these ids; between −100 and 100
 * @param seed of the random numbers; the same seed gives the same ids
 */
public record SamplingOptions(
    double temperature,
    int topK,
    double topP,
    double minP,
    double repetitionPenalty,
    double presencePenalty,
    double frequencyPenalty,
    Map<Integer, Double> logitBias,
    long seed) {
  /** Checks the numbers and copies the map. */
  public SamplingOptions {
    require(
        temperature >= 0 && temperature <= 1000, "temperature", temperature, "between 0 and 1000");
    require(topK >= 0, "top_k", topK, "at least 0");
    require(topP > 0 && topP <= 1, "top_p", topP, "above 0 and at most 1");
    require(minP >= 0 && minP <= 1, "min_p", minP, "between 0 and 1");
    require(
        repetitionPenalty >= 0.001 && repetitionPenalty <= 1000,
        "repetition_penalty",
        repetitionPenalty,
        "between 0.001 and 1000");
    require(
        Math.abs(presencePenalty) <= 2, "presence_penalty", presencePenalty, "between -2 and 2");
    require(
        Math.abs(frequencyPenalty) <= 2, "frequency_penalty", frequencyPenalty, "between -2 and 2");
    logitBias = Map.copyOf(logitBias);
    logitBias.forEach((id, bias) -> {
      require(id >= 0, "logit_bias", id, "an id of the vocabulary");
      require(Math.abs(bias) <= 100, "logit_bias of id " + id, bias, "between -100 and 100");
    });
  }

  /** Creates options without logit bias, presence penalty and frequency penalty. */
  public SamplingOptions(
      double temperature, int topK, double topP, double minP, double repetitionPenalty, long seed) {
    this(temperature, topK, topP, minP, repetitionPenalty, 0, 0, Map.of(), seed);
  }

  private static void require(boolean valid, String name, Number value, String allowed) {
    if (!valid) {
      throw ConfigException.notAllowed(name, value, allowed);
    }
  }

  /** Returns options that always choose the best id. */
  public static SamplingOptions greedy() {
    return new SamplingOptions(0, 0, 1, 0, 1, 0);
  }

  /**
   * Returns the defaults: temperature 0.8, top-k 40, top-p 0.95 and a random 32-bit seed, available
   * from {@link #seed}.
   */
  public static SamplingOptions defaults() {
    return new SamplingOptions(0.8, 40, 0.95, 0, 1, ThreadLocalRandom.current().nextLong(1L << 32));
  }

  /** Returns a copy with this temperature. */
  public SamplingOptions withTemperature(double value) {
    return new SamplingOptions(
        value,
        topK,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed);
  }

  /** Returns a copy with this top-k. */
  public SamplingOptions withTopK(int value) {
    return new SamplingOptions(
        temperature,
        value,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed);
  }

  /** Returns a copy with this top-p. */
  public SamplingOptions withTopP(double value) {
    return new SamplingOptions(
        temperature,
        topK,
        value,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed);
  }

  /** Returns a copy with this min-p. */
  public SamplingOptions withMinP(double value) {
    return new SamplingOptions(
        temperature,
        topK,
        topP,
        value,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        seed);
  }

  /** Returns a copy with this repetition penalty. */
  public SamplingOptions withRepetitionPenalty(double value) {
    return new SamplingOptions(
        temperature, topK, topP, minP, value, presencePenalty, frequencyPenalty, logitBias, seed);
  }

  /** Returns a copy with this presence penalty. */
  public SamplingOptions withPresencePenalty(double value) {
    return new SamplingOptions(
        temperature, topK, topP, minP, repetitionPenalty, value, frequencyPenalty, logitBias, seed);
  }

  /** Returns a copy with this frequency penalty. */
  public SamplingOptions withFrequencyPenalty(double value) {
    return new SamplingOptions(
        temperature, topK, topP, minP, repetitionPenalty, presencePenalty, value, logitBias, seed);
  }

  /** Returns a copy with this logit bias, by id. */
  public SamplingOptions withLogitBias(Map<Integer, Double> value) {
    return new SamplingOptions(
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        value,
        seed);
  }

  /** Returns a copy with this seed. */
  public SamplingOptions withSeed(long value) {
    return new SamplingOptions(
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        logitBias,
        value);
  }
}
