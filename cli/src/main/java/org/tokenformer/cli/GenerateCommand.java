package org.tokenformer.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.generate.Generation;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.GenerationResult;
import org.tokenformer.engine.model.Session;
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

  GenerateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    model.folder(); // nobody should type a prompt for a model that is not there
    GenerationOptions options = writing.options();
    String text = writing.text(console);
    try (ModelOptions.Loaded loaded = model.load(console)) {
      StreamDecoder decoder = writing.decoder(loaded.tokenizer());
      int[] ids = WritingOptions.ids(text, loaded);
      return write(
          loaded.model(), text, ids, WritingOptions.ending(options, loaded.tokenizer()), decoder);
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
