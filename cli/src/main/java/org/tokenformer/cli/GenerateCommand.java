package org.tokenformer.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.cli.console.Utf8Input;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.generate.Generation;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.GenerationResult;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.engine.model.Session;
import org.tokenformer.tokenizer.StreamDecoder;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "generate",
    description = {
      "Writes on: prints the prompt and its continuation, token by token.",
      "Temperature 0 takes the best token every time. With the same seed the same text comes,"
          + " whatever the number of threads; a run without --seed says which one it took."
    })
final class GenerateCommand implements Callable<Integer> {
  private static final int MAX_PROMPT_BYTES = 64 << 20;

  private final Console console;

  @Parameters(
      arity = "0..1",
      paramLabel = "PROMPT",
      description =
          "The beginning of the text. Without it, standard input is read, less its last newline.")
  private @Nullable String prompt;

  @Mixin private ModelOptions model = new ModelOptions();

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
  private double temperature = SamplingOptions.defaults().temperature();

  @Option(
      names = "--top-k",
      paramLabel = "N",
      description = "Draws from the N best tokens, by default 40; 0 from all.")
  private int topK = SamplingOptions.defaults().topK();

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description =
          "Draws from the best tokens that reach P together, by default 0.95; 1 from all.")
  private double topP = SamplingOptions.defaults().topP();

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description =
          "Draws from tokens at least P times as probable as the best, by default 0: all.")
  private double minP = SamplingOptions.defaults().minP();

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      description = "Makes tokens that were seen less probable; by default 1, which does nothing.")
  private double repetitionPenalty = SamplingOptions.defaults().repetitionPenalty();

  @Option(names = "--seed", paramLabel = "N", description = "Repeats a run. By default random.")
  private @Nullable Long seed;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "Ends before this text; may be given several times and may span tokens.")
  private List<String> stops = new ArrayList<>();

  @Option(
      names = "--cache",
      paramLabel = "TYPE",
      defaultValue = "f32",
      description =
          "Type of the cached keys and values: ${COMPLETION-CANDIDATES}. bf16 takes half the memory"
              + " and rounds them.")
  private FloatType cache = FloatType.F32;

  GenerateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    model.folder(); // nobody should type a prompt for a model that is not there
    GenerationOptions options = options();
    String text = text();
    try (ModelOptions.Loaded loaded = model.load(console)) {
      StreamDecoder decoder = decoder(loaded.tokenizer());
      int[] ids = loaded.tokenizer().encode(text);
      int context = loaded.model().config().contextLength();
      if (ids.length > context) {
        throw new UserError(
            "the prompt has %d tokens, the model's context only %d positions; shorten the prompt"
                .formatted(ids.length, context));
      }
      OptionalInt end = loaded.tokenizer().endOfTextId();
      GenerationOptions ending = end.isPresent() ? options.endingAt(end.getAsInt()) : options;
      return write(loaded.model(), text, ids, ending, decoder);
    }
  }

  private GenerationOptions options() {
    long chosen = seed == null ? ThreadLocalRandom.current().nextInt(1 << 30) : seed;
    try {
      var sampling = new SamplingOptions(temperature, topK, topP, minP, repetitionPenalty, chosen);
      return GenerationOptions.of(maxTokens).sampledBy(sampling);
    } catch (IllegalArgumentException e) { // it names the option and the value
      throw new UserError("--" + e.getMessage(), e);
    }
  }

  private String text() throws IOException {
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

  private StreamDecoder decoder(Tokenizer tokenizer) {
    try {
      return tokenizer.newStreamDecoder(false, stops);
    } catch (IllegalArgumentException e) {
      throw new UserError("--stop: " + e.getMessage(), e);
    }
  }

  private int write(
      LanguageModel model,
      String text,
      int[] ids,
      GenerationOptions options,
      StreamDecoder decoder) {
    long wanted = (long) ids.length + options.maxTokens();
    int capacity = (int) Math.min(model.config().contextLength(), wanted);
    try (Session session = model.model().newSession(capacity, cache.dtype());
        var interruption = new Interruption()) {
      var generation = new Generation(session, ids, options, interruption);
      emit(text);
      String last = text;
      while (generation.advance()) {
        last = emitted(decoder.accept(generation.id()), last);
        if (decoder.stopped()) {
          generation.stop();
        }
      }
      last = emitted(decoder.finish(), last);
      if (!last.endsWith("\n")) {
        emit("\n");
      }
      console.note(statistics(generation.result(), options, model));
      return interruption.exitCode();
    }
  }

  private String emitted(String piece, String last) {
    if (piece.isEmpty()) {
      return last;
    }
    emit(piece);
    return piece;
  }

  private void emit(String text) {
    console.out().print(text);
    console.out().flush();
  }

  private static String statistics(
      GenerationResult result, GenerationOptions options, LanguageModel model) {
    String ending =
        switch (result.finish()) {
          case END_OF_TEXT -> " (end of text)";
          case CONTEXT_FULL -> " (the context is full)";
          case STOPPED -> " (stop)";
          case CANCELLED -> " (interrupted)";
          case MAX_TOKENS -> "";
        };
    int steps = result.generatedTokens() - 1; // the first id comes from the prompt's logits
    return "prompt "
        + result.promptTokens()
        + " tokens"
        + rate(result.promptTokens(), result.prefillNanos())
        + ", written "
        + result.generatedTokens()
        + rate(steps, result.decodeNanos())
        + ending
        + "; seed "
        + options.sampling().seed()
        + "; "
        + model.backend().description();
  }

  private static String rate(int tokens, long nanos) {
    return tokens < 1 || nanos < 1 ? "" : " at " + Amount.rate(tokens * 1e9 / nanos) + " tok/s";
  }
}
