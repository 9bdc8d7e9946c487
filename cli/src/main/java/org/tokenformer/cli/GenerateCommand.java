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
      "Writes on: prints the prompt and its continuation, token by token.",
      "Temperature 0 takes the best token every time. With the same seed the same text comes,"
          + " whatever the number of threads; a run without --seed says which one it took."
    })
final class GenerateCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private ModelOptions model = new ModelOptions();

  @Mixin private WritingOptions writing = new WritingOptions();

  @Option(
      names = "--cache",
      paramLabel = "TYPE",
      defaultValue = "f32",
      description =
          "Type of the cached keys and values: ${COMPLETION-CANDIDATES}. bf16 takes half the memory"
              + " and rounds them.")
  private FloatType cache = FloatType.F32;

  private boolean lineEnded;

  GenerateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    model.folder(); // nobody should type a prompt for a model that is not there
    GenerationOptions options = writing.options();
    String text = writing.text(console);
    try (ModelOptions.Loaded loaded =
            model.load(console, loading -> loading.withCacheType(cache.dtype()));
        var interruption = new Interruption()) {
      GenerationOptions ending = WritingOptions.ending(options, loaded.tokenizer());
      GenerationResult result = write(loaded, text, ending, interruption);
      console.note(statistics(result, ending, loaded.model()));
      return interruption.exitCode();
    }
  }

  private GenerationResult write(
      ModelOptions.Loaded loaded,
      String text,
      GenerationOptions options,
      Interruption interruption) {
    StreamDecoder decoder = writing.decoder(loaded.tokenizer());
    int[] ids = WritingOptions.ids(text, loaded);
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
    int steps = result.generatedTokens() - 1; // the first id comes from the prompt's logits
    return "prompt %d tokens%s, written %d%s%s; seed %d; %s"
        .formatted(
            result.promptTokens(),
            rate(result.promptTokens(), result.prefillNanos()),
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
