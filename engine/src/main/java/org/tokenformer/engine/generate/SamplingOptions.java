package org.tokenformer.engine.generate;

import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.tokenformer.engine.model.ConfigException;

/**
 * How the next id is chosen. Applied in this order, which is HF {@code generate}'s where that has
 * the same: {@linkplain TokenMask mask}, logit bias, repetition penalty, frequency and presence
 * penalty, temperature, top-k, top-p, min-p.
 *
 * @param temperature divides the logits; 0 takes the best id every time
 * @param topK keeps the k best ids; 0 keeps all
 * @param topP keeps the fewest best ids whose probabilities reach p together; 1 keeps all
 * @param minP keeps ids at least p times as probable as the best one; 0 keeps all
 * @param repetitionPenalty makes ids of the prompt, which in a conversation is the turn's own, and
 *     chosen ones less probable: positive logits are divided by it, negative ones multiplied (CTRL,
 *     arXiv 1909.05858); 1 does nothing
 * @param presencePenalty is subtracted once from the logit of each id that was chosen, those of the
 *     prompt not counted, as in OpenAI's interface; 0 does nothing
 * @param frequencyPenalty is subtracted as often as the id was chosen, the prompt not counted
 * @param logitBias is added to the logits of these ids, −100 to 100
 * @param seed of the random numbers: same seed, same ids
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
    require(temperature >= 0 && temperature <= 1000, "temperature", temperature, "0 to 1000");
    require(topK >= 0, "top_k", topK, "at least 0");
    require(topP > 0 && topP <= 1, "top_p", topP, "above 0 and at most 1");
    require(minP >= 0 && minP <= 1, "min_p", minP, "0 to 1");
    require(
        repetitionPenalty >= 0.001 && repetitionPenalty <= 1000,
        "repetition_penalty",
        repetitionPenalty,
        "0.001 to 1000");
    require(Math.abs(presencePenalty) <= 2, "presence_penalty", presencePenalty, "-2 to 2");
    require(Math.abs(frequencyPenalty) <= 2, "frequency_penalty", frequencyPenalty, "-2 to 2");
    logitBias = Map.copyOf(logitBias);
    logitBias.forEach((id, bias) -> {
      require(id >= 0, "logit_bias", id, "an id of the vocabulary");
      require(Math.abs(bias) <= 100, "logit_bias of id " + id, bias, "-100 to 100");
    });
  }

  /** Without a bias and without presence and frequency penalty. */
  public SamplingOptions(
      double temperature, int topK, double topP, double minP, double repetitionPenalty, long seed) {
    this(temperature, topK, topP, minP, repetitionPenalty, 0, 0, Map.of(), seed);
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

  /**
   * Free but not wild: temperature 0.8, the 40 best, 95 % of the probability, and a seed drawn at
   * random, of 32 bits, that {@link #seed} tells.
   */
  public static SamplingOptions defaults() {
    return new SamplingOptions(0.8, 40, 0.95, 0, 1, ThreadLocalRandom.current().nextLong(1L << 32));
  }

  /** The same with another temperature. */
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

  /** The same with another number of best ids to keep. */
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

  /** The same with another top-p. */
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

  /** The same with another min-p. */
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

  /** The same with another repetition penalty. */
  public SamplingOptions withRepetitionPenalty(double value) {
    return new SamplingOptions(
        temperature, topK, topP, minP, value, presencePenalty, frequencyPenalty, logitBias, seed);
  }

  /** The same with another presence penalty. */
  public SamplingOptions withPresencePenalty(double value) {
    return new SamplingOptions(
        temperature, topK, topP, minP, repetitionPenalty, value, frequencyPenalty, logitBias, seed);
  }

  /** The same with another frequency penalty. */
  public SamplingOptions withFrequencyPenalty(double value) {
    return new SamplingOptions(
        temperature, topK, topP, minP, repetitionPenalty, presencePenalty, value, logitBias, seed);
  }

  /** The same with another bias of logits, by id. */
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

  /** The same with another seed. */
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
