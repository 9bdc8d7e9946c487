package org.tokenformer.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.GenerationResult;
import org.tokenformer.engine.generate.TokenConsumer;
import org.tokenformer.tokenizer.StreamDecoder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "generate",
    description = {
      "Generates text: prints the prompt and its continuation token by token.",
      "Temperature 0 always selects the most probable token. The same seed gives the same text"
          + " with any number of threads; without --seed, the seed used is reported."
    })
final class GenerateCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private ModelOptions model = new ModelOptions();

  @Mixin private PromptOptions prompt = new PromptOptions();

  @Option(
      names = "--cache",
      paramLabel = "TYPE",
      defaultValue = "f32",
      description =
          "Type of the KV cache: ${COMPLETION-CANDIDATES}; bf16 rounds the cached values and halves the cache's"
              + " memory. Default: f32.")
  private FloatType cache = FloatType.F32;

  private boolean lineEnded;

  GenerateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    model.folder(); // fails before the user types a prompt
    GenerationOptions options = prompt.options();
    String text = prompt.text(console);
    try (ModelOptions.Loaded loaded =
            model.load(console, loading -> loading.withCacheType(cache.dtype()));
        var interruption = new Interruption()) {
      GenerationOptions bounded = PromptOptions.ending(options, loaded.tokenizer());
      GenerationResult result = generate(loaded, text, bounded, interruption);
      console.note(statistics(result, bounded, loaded.model()));
      return interruption.exitCode();
    }
  }

  private GenerationResult generate(
      ModelOptions.Loaded loaded,
      String text,
      GenerationOptions options,
      Interruption interruption) {
    StreamDecoder decoder = prompt.decoder(loaded.tokenizer());
    int[] ids = PromptOptions.ids(text, loaded);
    emit(text);
    TokenConsumer consumer =
        id -> {
          emit(decoder.accept(id));
          return !decoder.stopped();
        };
    GenerationResult result = loaded.model().generate(ids, options, consumer, interruption);
    emit(decoder.finish());
    if (!lineEnded) {
      emit("\n");
    }
    return result;
  }

  private void emit(String piece) {
    if (!piece.isEmpty()) {
      console.out().print(piece);
      console.out().flush();
      lineEnded = piece.endsWith("\n");
    }
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
    int steps = result.generatedTokens() - 1; // prefill yields the first id
    // No rate for the prompt: in a young process, it would mostly measure the JIT compiler.
    return "prompt %d tokens in %s, generated %d%s%s; seed %d; %s"
        .formatted(
            result.promptTokens(),
            Amount.duration(result.prefillNanos() / 1e9),
            result.generatedTokens(),
            rate(steps, result.decodeNanos()),
            ending,
            options.sampling().seed(),
            model.backend().description());
  }

  private static String rate(int tokens, long nanos) {
    return tokens < 1 || nanos < 1 ? "" : " at " + Amount.rate(tokens * 1e9 / nanos) + " tok/s";
  }
}
