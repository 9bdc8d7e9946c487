package org.tokenformer.bench.soak;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A prompt and the results of a quiet model for it.
 *
 * @param options of its generation
 * @param generated the ids that the model generates
 * @param scores the bits of the log-probabilities of the prompt's ids
 * @param conversation see {@link #conversation}
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Case(
    int[] prompt, GenerationOptions options, long[] generated, long[] scores, long[] conversation) {
  private static final int MAX_PROMPT = 100;
  private static final int MAX_TOKENS = 40;
  private static final int TURN = 6;

  /** Makes up a prompt and computes the results with a model that does nothing else. */
  static Case random(LanguageModel quiet, SplittableRandom random) {
    int vocabulary = quiet.config().tokenizerVocabularySize();
    int[] prompt = random.ints(1 + random.nextInt(MAX_PROMPT), 0, vocabulary).toArray();
    GenerationOptions options =
        GenerationOptions.of(1 + random.nextInt(MAX_TOKENS))
            .sampledBy(new SamplingOptions(0.9, 30, 0.95, 0, 1, random.nextLong()));
    long[] generated = generate(quiet, prompt, options);
    return new Case(
        prompt,
        options,
        generated,
        scores(quiet, prompt),
        conversation(quiet, prompt, new SplittableRandom(0)));
  }

  static long[] generate(LanguageModel model, int[] prompt, GenerationOptions options) {
    LongStream.Builder ids = LongStream.builder();
    model.generate(
        prompt,
        options,
        id -> {
          ids.add(id);
          return true;
        });
    return ids.build().toArray();
  }

  static long[] scores(LanguageModel model, int[] prompt) {
    return Arrays.stream(model.score(prompt)).mapToLong(Double::doubleToLongBits).toArray();
  }

  /**
   * Continues the prompt in two sessions that share its cached positions, and then the first one
   * again from the prompt's end. The order in which the sessions decode is random, the result is
   * not.
   *
   * @return hash codes of all logits: of the first session, the second, and the first one again
   */
  static long[] conversation(LanguageModel model, int[] prompt, SplittableRandom random) {
    long[] hashes = {1, 1, 1};
    try (Session first = model.newSession(prompt.length + TURN)) {
      hashes[0] = hash(hashes[0], first.prefill(prompt), model);
      try (Session second = first.fork()) {
        int firstLeft = TURN;
        int secondLeft = TURN;
        while (firstLeft + secondLeft > 0) {
          if (random.nextInt(firstLeft + secondLeft) < firstLeft) {
            hashes[0] = hash(hashes[0], first.decode(firstLeft--), model);
          } else {
            hashes[1] = hash(hashes[1], second.decode(prompt[0] / (1 + secondLeft--)), model);
          }
        }
        first.truncate(prompt.length);
        hashes[2] = hash(hashes[2], first.decode(prompt[0]), model);
      }
    }
    return hashes;
  }

  private static long hash(long before, Tensor logits, LanguageModel model) {
    float[] values = new float[model.config().vocabularySize()];
    model.backend().download(logits, MemorySegment.ofArray(values));
    return 31 * before + Arrays.hashCode(values);
  }
}
