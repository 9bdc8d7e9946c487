package org.tokenformer.cli;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.ProgressBar;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.measure.Evaluator;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "eval",
    description = {
      "Measures how well a model predicts a text or a dataset.",
      "In a text, lines that are exactly <|endoftext|> separate documents; the rows of a dataset"
          + " are read as one stream. The tokens are split into windows of the model's context"
          + " length without overlap, and every position is predicted; an incomplete last"
          + " window is dropped. Prints one JSON object: tokens (predicted), loss (mean, in"
          + " nats), perplexity, bits_per_byte (text only) and tokens_per_second."
    })
final class EvalCommand implements Callable<Integer> {
  private static final int CHUNK = 1 << 12;

  private final Console console;

  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = "--data",
      required = true,
      paramLabel = "FILE",
      description =
          "UTF-8 text (- means standard input), or a dataset written by 'tokenformer prepare' or pyarrow.")
  private @Nullable Path data;

  @Mixin private TextOptions texts = new TextOptions();

  EvalCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Path file = Objects.requireNonNull(data);
    List<Path> files = List.of(file);
    Path tokenizerFile = model.folder().resolve(ModelFolder.TOKENIZER_FILE);
    try (var interruption = new Interruption();
        ModelOptions.Loaded loaded = model.load(console)) {
      Tokenizer tokenizer = loaded.tokenizer();
      try (TokenData tokens =
              TokenData.open(
                  console,
                  "reading",
                  files,
                  texts.files(console),
                  tokenizer,
                  tokenizerFile,
                  interruption);
          var evaluator = new Evaluator(loaded.model().model())) {
        tokens.requireContext("--data", files, loaded.model().config());
        long start = System.nanoTime();
        feed(tokens, evaluator, interruption);
        double seconds = (System.nanoTime() - start) / 1e9;
        print(file, evaluator, tokens.files().textBytes(), seconds);
      } catch (CancellationException e) {
        return interruption.exitCode();
      }
    }
    return 0;
  }

  private void feed(TokenData tokens, Evaluator evaluator, Interruption interruption) {
    try (ProgressBar progress = console.progress("eval", tokens.size(), "ids")) {
      for (long from = 0; from < tokens.size(); from += CHUNK) {
        int[] ids = new int[(int) Math.min(CHUNK, tokens.size() - from)];
        tokens.read(from, ids, 0, ids.length);
        evaluator.accept(ids, interruption);
        progress.update(from + ids.length);
      }
    }
  }

  /**
   * Prints the result.
   *
   * @param bytes size of the text, 0 for a dataset
   */
  private void print(Path file, Evaluator evaluator, long bytes, double seconds)
      throws IOException {
    double loss = evaluator.loss();
    if (!Double.isFinite(Math.exp(loss))) {
      throw new UserError(file + ": the loss is " + loss + ", because the model's logits overflow");
    }
    var text = new StringWriter();
    try (var json = new JsonWriter(text)) {
      json.beginObject();
      json.name("tokens").value(evaluator.tokens());
      json.name("loss").value(loss);
      json.name("perplexity").value(Math.exp(loss));
      if (bytes > 0) {
        json.name("bits_per_byte").value(loss / Math.log(2) * evaluator.ids() / bytes);
      }
      json.name("tokens_per_second").value(Math.round(evaluator.tokens() / seconds * 10) / 10.0);
      json.endObject();
    }
    console.out().println(text.toString());
  }
}
