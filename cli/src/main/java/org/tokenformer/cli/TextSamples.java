package org.tokenformer.cli;

import java.util.Arrays;
import org.tokenformer.cli.console.OneLine;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.generate.Generation;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.train.TokenSource;
import org.tokenformer.tokenizer.StreamDecoder;
import org.tokenformer.tokenizer.Tokenizer;

/**
 * Short texts that show how a training run goes. Each has a session and random numbers of its own,
 * so the run is not affected; all start from the same seed.
 */
final class TextSamples {
  private static final int MAX_TOKENS = 40;
  private static final int DATA_PROMPT_TOKENS = 8;
  private static final long SEED = 1;

  private final Tokenizer tokenizer;
  private final int[] prompt;
  private final Cancellation cancellation;

  private TextSamples(Tokenizer tokenizer, int[] prompt, Cancellation cancellation) {
    this.tokenizer = tokenizer;
    this.prompt = prompt;
    this.cancellation = cancellation;
  }

  /**
   * Prepares samples that continue a prompt.
   *
   * @param contextLength of the model
   * @throws UserError if the prompt has no token or leaves no room in the context
   */
  static TextSamples of(
      String prompt, Tokenizer tokenizer, int contextLength, Cancellation cancellation) {
    int[] ids = tokenizer.encode(prompt);
    if (ids.length < 1 || ids.length >= contextLength) {
      throw new UserError(
          "--sample-prompt must have 1 to %d tokens, which the model's context leaves room for, not %d"
              .formatted(contextLength - 1, ids.length));
    }
    return new TextSamples(tokenizer, ids, cancellation);
  }

  /** Prepares samples that continue the first words of the training data. */
  static TextSamples of(
      TokenSource data, Tokenizer tokenizer, int contextLength, Cancellation cancellation) {
    int[] ids = new int[Math.clamp(contextLength / 2, 1, DATA_PROMPT_TOKENS)];
    data.read(0, ids, 0, ids.length);
    return new TextSamples(tokenizer, ids, cancellation);
  }

  /** Returns one line: the prompt and its continuation. */
  String line(TokenFormer model) {
    int capacity = Math.min(model.config().contextLength(), prompt.length + MAX_TOKENS);
    StreamDecoder decoder = tokenizer.newStreamDecoder();
    StringBuilder text = new StringBuilder();
    for (int id : prompt) {
      text.append(decoder.accept(id));
    }
    GenerationOptions options =
        PromptOptions.ending(
            GenerationOptions.of(MAX_TOKENS).sampledBy(SamplingOptions.defaults().withSeed(SEED)),
            tokenizer);
    try (Session session = model.newSession(capacity, DType.F32)) {
      Generation.run(
          session,
          Arrays.copyOf(prompt, prompt.length),
          options,
          id -> {
            text.append(decoder.accept(id));
            return true;
          },
          cancellation);
    }
    return OneLine.of(text.append(decoder.finish()).toString());
  }
}
