package org.tokenformer.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.cli.console.Utf8Input;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.tokenizer.StreamDecoder;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What a model is to write on from, how, and how far. */
final class WritingOptions {
  private static final int MAX_PROMPT_BYTES = 64 << 20;
  private static final SamplingOptions DEFAULTS = SamplingOptions.defaults();

  @Parameters(
      arity = "0..1",
      paramLabel = "PROMPT",
      description =
          "The beginning of the text. Without it, standard input is read, less its last newline.")
  private @Nullable String prompt;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      defaultValue = "200",
      description =
          "Tokens to write at most, by default ${DEFAULT-VALUE}; the context ends it too.")
  private int maxTokens;

  @Option(
      names = "--temperature",
      paramLabel = "X",
      description = "0 to 1000, by default 0.8: the higher, the wilder.")
  private double temperature = DEFAULTS.temperature();

  @Option(
      names = "--top-k",
      paramLabel = "N",
      description = "Draws from the N best tokens, by default 40; 0 from all.")
  private int topK = DEFAULTS.topK();

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description =
          "Draws from the best tokens that reach P together, by default 0.95; 1 from all.")
  private double topP = DEFAULTS.topP();

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description =
          "Draws from tokens at least P times as probable as the best, by default 0: all.")
  private double minP = DEFAULTS.minP();

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      description = "Makes tokens that were seen less probable; by default 1, which does nothing.")
  private double repetitionPenalty = DEFAULTS.repetitionPenalty();

  @Option(names = "--seed", paramLabel = "N", description = "Repeats a run. By default random.")
  private @Nullable Long seed;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "Ends before this text; may be given several times and may span tokens.")
  private List<String> stops = new ArrayList<>();

  /** What is to be generated, with a seed of its own if none was given. */
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

  /** The prompt, or what standard input says. */
  String text(Console console) throws IOException {
    String text = prompt;
    if (text == null) {
      if (Console.inputIsTerminal()) {
        console.note("reading the prompt from the terminal; end it with Ctrl-D");
      }
      text = new Utf8Input(console.in(), "standard input", MAX_PROMPT_BYTES).readAll();
      text = text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
      text = text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
    } else if (text.indexOf('\uFFFD') >= 0) { // what Java makes of other bytes
      throw new UserError("the prompt is not UTF-8; convert it to UTF-8 first");
    }
    if (text.isEmpty()) {
      throw new UserError(
          "the prompt is empty; give a text to go on from, as in generate \"Once upon a time\"");
    }
    return text;
  }

  /** The prompt's ids, which fit the model. */
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

  /** The same, ending where the tokenizer's texts end. */
  static GenerationOptions ending(GenerationOptions options, Tokenizer tokenizer) {
    OptionalInt end = tokenizer.endOfTextId();
    return end.isPresent() ? options.endingAt(end.getAsInt()) : options;
  }

  /** Turns ids into text, up to a stop. */
  StreamDecoder decoder(Tokenizer tokenizer) {
    try {
      return tokenizer.newStreamDecoder(false, stops);
    } catch (IllegalArgumentException e) {
      throw new UserError("--stop: " + e.getMessage(), e);
    }
  }
}
