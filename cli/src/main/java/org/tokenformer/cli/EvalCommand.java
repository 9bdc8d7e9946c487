package org.tokenformer.cli;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.ProgressBar;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.Evaluator;
import org.tokenformer.tokenizer.TextDocuments;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "eval",
    description = {
      "Measures how well a model predicts a text.",
      "Lines <|endoftext|> part the text's documents. Windows of the model's context without"
          + " overlap predict all their positions; the rest is dropped. Prints one JSON object:"
          + " tokens (predicted), loss (mean nats), perplexity, bits_per_byte, tokens_per_second."
    })
final class EvalCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private ModelOptions model = new ModelOptions();

  @Option(names = "--data", required = true, paramLabel = "FILE", description = "A text in UTF-8.")
  private @Nullable Path data;

  EvalCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Path file = Objects.requireNonNull(data);
    if (Files.isDirectory(file)) {
      throw new UserError(file + ": is a folder; name a text");
    }
    try (InputStream in = Files.newInputStream(file);
        ModelOptions.Loaded loaded = model.load(console);
        var evaluator = new Evaluator(loaded.model().model())) {
      long start = System.nanoTime();
      long bytes = feed(file, in, loaded.tokenizer(), evaluator);
      double seconds = (System.nanoTime() - start) / 1e9;
      if (evaluator.tokens() == 0) {
        throw new UserError(
            "%s: has %d tokens; one window of the model's context needs %d"
                .formatted(file, evaluator.ids(), loaded.model().config().contextLength() + 1));
      }
      print(file, evaluator, bytes, seconds);
    }
    return 0;
  }

  /** Feeds the documents, each with an end-of-text id behind it; returns the bytes of the text. */
  private long feed(Path file, InputStream in, Tokenizer tokenizer, Evaluator evaluator)
      throws IOException {
    OptionalInt end = tokenizer.endOfTextId();
    if (end.isEmpty()) {
      throw new UserError(
          "the model's tokenizer has no special token <|endoftext|> to put between documents");
    }
    int[] endId = {end.getAsInt()};
    TextDocuments documents = new TextDocuments(in, file.toString());
    try (ProgressBar progress = console.progress("eval", Files.size(file), "B")) {
      for (String text = documents.next(); text != null; text = documents.next()) {
        evaluator.accept(tokenizer.encode(text), null);
        evaluator.accept(endId, null);
        progress.update(documents.bytesRead());
      }
      progress.update(documents.bytesRead());
    }
    return documents.bytesRead();
  }

  private void print(Path file, Evaluator evaluator, long bytes, double seconds)
      throws IOException {
    double loss = evaluator.loss();
    if (!Double.isFinite(Math.exp(loss))) {
      throw new UserError(file + ": the loss is " + loss + ": the model's numbers overflow");
    }
    var text = new StringWriter();
    try (var json = new JsonWriter(text)) {
      json.beginObject();
      json.name("tokens").value(evaluator.tokens());
      json.name("loss").value(loss);
      json.name("perplexity").value(Math.exp(loss));
      json.name("bits_per_byte").value(loss / Math.log(2) * evaluator.ids() / bytes);
      json.name("tokens_per_second").value(Math.round(evaluator.tokens() / seconds * 10) / 10.0);
      json.endObject();
    }
    console.out().println(text.toString());
  }
}
