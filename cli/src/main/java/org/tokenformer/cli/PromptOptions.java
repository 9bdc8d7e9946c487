package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.tokenizer.StreamDecoder;
import org.tokenformer.tokenizer.TextFiles;
import org.tokenformer.tokenizer.TextLines;
import org.tokenformer.tokenizer.TextRules;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Prompt, sampling and length options of the commands that generate text. */
final class PromptOptions {
  private static final String STANDARD_INPUT = "-";
  private static final int MAX_PROMPT_BYTES = 64 << 20;
  private static final SamplingOptions DEFAULTS = SamplingOptions.defaults();

  @Parameters(
      arity = "0..1",
      paramLabel = "PROMPT",
      description =
          "The prompt. If it is - or omitted, it is read from standard input, without its final newline.")
  private @Nullable String prompt;

  @Mixin private LineEndOption lineEnds = new LineEndOption();

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      defaultValue = "200",
      description =
          "Maximum number of tokens to generate; generation also ends at the end-of-text token and"
              + " when the context is full. Default: ${DEFAULT-VALUE}.")
  private int maxTokens;

  @Option(
      names = "--temperature",
      paramLabel = "X",
      description =
          "Sampling temperature, 0 to 1000: higher values give more varied text, 0"
              + " always selects the most probable token. Default: 0.8.")
  private double temperature = DEFAULTS.temperature();

  @Option(
      names = "--top-k",
      paramLabel = "N",
      description = "Sample from the N most probable tokens; 0 disables. Default: 40.")
  private int topK = DEFAULTS.topK();

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description =
          "Sample from the smallest set of most probable tokens whose probabilities sum to at"
              + " least P; 1 disables. Default: 0.95.")
  private double topP = DEFAULTS.topP();

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description =
          "Sample from tokens at least P times as probable as the most probable one; 0 disables."
              + " Default: 0.")
  private double minP = DEFAULTS.minP();

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      description =
          "Penalty for tokens that already occur in the prompt or the generated text; 1 disables,"
              + " higher values penalise more. Default: 1.")
  private double repetitionPenalty = DEFAULTS.repetitionPenalty();

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Random seed. Default: chosen at random.")
  private @Nullable Long seed;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description =
          "Stop when this text is generated, and do not print it; it may span several tokens. Can be repeated.")
  private List<String> stops = new ArrayList<>();

  /** Returns the generation options, with a random seed if none is given. */
  GenerationOptions options() {
    SamplingOptions sampling =
        SamplingOptions.defaults()
            .withTemperature(temperature)
            .withTopK(topK)
            .withTopP(topP)
            .withMinP(minP)
            .withRepetitionPenalty(repetitionPenalty);
    return GenerationOptions.of(maxTokens)
        .sampledBy(seed == null ? sampling : sampling.withSeed(seed));
  }

  /** Returns the prompt from the command line or from standard input. */
  String text(Console console) throws IOException {
    String text = prompt;
    if (text == null || text.equals(STANDARD_INPUT)) {
      if (Console.inputIsTerminal()) {
        console.note("reading the prompt from the terminal; end it with Ctrl-D");
      }
      TextFiles texts = LineEndOption.files(console, lineEnds.rules(TextRules.Content.ANY_SYNTAX));
      try (TextLines lines = texts.open(Path.of(STANDARD_INPUT))) {
        text = lines.readAll(MAX_PROMPT_BYTES);
      }
      text = text.replaceFirst("\r?\n\\z", "");
    }
    if (text.isEmpty()) {
      throw new UserError(
          "the prompt is empty; give a text to continue, for example \"Once upon a time\"");
    }
    return text;
  }

  /** Encodes the prompt and checks that it fits into the model's context. */
  static int[] ids(String text, ModelOptions.Loaded loaded) {
    int[] ids = loaded.tokenizer().encode(text);
    int context = loaded.model().config().contextLength();
    if (ids.length > context) {
      throw new UserError(
          "the prompt has %d tokens, the model's context only %d positions; shorten the prompt"
              .formatted(ids.length, context));
    }
    return ids;
  }

  /** Returns the same options, ending at the tokenizer's end-of-text token if it has one. */
  static GenerationOptions ending(GenerationOptions options, Tokenizer tokenizer) {
    OptionalInt end = tokenizer.endOfTextId();
    return end.isPresent() ? options.endingAt(end.getAsInt()) : options;
  }

  /** Returns a decoder that ends at the stop texts. */
  StreamDecoder decoder(Tokenizer tokenizer) {
    try {
      return tokenizer.newStreamDecoder(false, stops);
    } catch (IllegalArgumentException e) {
      throw new UserError("--stop: " + e.getMessage(), e);
    }
  }
}
