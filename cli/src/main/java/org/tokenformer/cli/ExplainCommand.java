package org.tokenformer.cli;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.ProgressBar;
import org.tokenformer.cli.explain.ExplainPage;
import org.tokenformer.cli.explain.ExplainedToken;
import org.tokenformer.cli.explain.Firings;
import org.tokenformer.engine.checkpoint.AtomicFiles;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.tokenizer.StreamDecoder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "explain",
    description = {
      "Generates text and writes an HTML page that shows which parameter tokens fired.",
      "A parameter token fires when it is among the most strongly activated ones. For each token"
          + " of the text, the page shows which parameter tokens of each layer fired, and the"
          + " growth stage that added them. The page is a single file that works offline."
    })
final class ExplainCommand implements Callable<Integer> {
  private static final String NAME = "explain";
  private static final String EXTENSION = ".html";

  private final Console console;

  @Mixin private ModelOptions model = new ModelOptions();

  @Mixin private PromptOptions prompt = new PromptOptions();

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description =
          "Page to write. Default: explain.html, or explain-2.html and so on if it exists.")
  private @Nullable Path output;

  @Option(names = "--force", description = "Overwrite FILE if it exists.")
  private boolean force;

  ExplainCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    model.folder(); // fails before the user types a prompt
    Path file = file();
    GenerationOptions options = prompt.options();
    String text = prompt.text(console);
    try (var interruption = new Interruption();
        ModelOptions.Loaded loaded = model.load(console)) {
      try {
        int[] ids = explain(loaded, text, options, file, interruption);
        console.note(
            "%s: %d tokens, %s; open it in a browser"
                .formatted(file, ids.length, Amount.bytes(Files.size(file))));
      } catch (CancellationException e) {
        return interruption.nothingWritten(console);
      }
    }
    return 0;
  }

  /** Writes the page and returns the ids of its text. */
  private int[] explain(
      ModelOptions.Loaded loaded,
      String text,
      GenerationOptions options,
      Path file,
      Interruption interruption)
      throws IOException {
    int[] promptIds = PromptOptions.ids(text, loaded);
    int[] ids = generate(loaded, promptIds, options, interruption);
    Firings firings = Firings.of(loaded.model().model(), ids, interruption);
    List<ExplainedToken> tokens = tokens(loaded, ids, promptIds.length);
    String facts =
        ModelSummary.line(loaded.model().config()) + "; seed " + options.sampling().seed();
    AtomicFiles.writeText(file, new ExplainPage(tokens, firings, facts).html());
    return ids;
  }

  /** Returns the file to write: the named one, or an unused default name. */
  private Path file() throws IOException {
    Path file = output == null ? unusedName(Path.of("")) : output;
    OutputFile.check(file, force);
    return file;
  }

  /** Returns the first default name that is not used in a folder. */
  static Path unusedName(Path folder) {
    Path file = folder.resolve(NAME + EXTENSION);
    for (int i = 2; Files.exists(file, LinkOption.NOFOLLOW_LINKS); i++) {
      file = folder.resolve(NAME + "-" + i + EXTENSION);
    }
    return file;
  }

  /**
   * Generates the continuation.
   *
   * @return the ids of prompt and continuation, at most the context length
   */
  private int[] generate(
      ModelOptions.Loaded loaded,
      int[] promptIds,
      GenerationOptions options,
      Cancellation cancellation) {
    StreamDecoder decoder = prompt.decoder(loaded.tokenizer());
    IntArrayList ids = IntArrayList.of(promptIds);
    try (ProgressBar progress = console.progress("explain", options.maxTokens(), "tokens")) {
      loaded
          .model()
          .generate(
              promptIds,
              PromptOptions.ending(options, loaded.tokenizer()),
              id -> {
                ids.add(id);
                progress.update(ids.size() - promptIds.length);
                decoder.accept(id);
                return !decoder.stopped();
              },
              cancellation);
    }
    Cancellation.check(cancellation);
    int length = Math.min(ids.size(), loaded.model().config().contextLength());
    return Arrays.copyOf(ids.elements(), length);
  }

  private static List<ExplainedToken> tokens(
      ModelOptions.Loaded loaded, int[] ids, int promptLength) {
    double[] logprobs = loaded.model().score(ids);
    StreamDecoder decoder = loaded.tokenizer().newStreamDecoder();
    List<ExplainedToken> tokens = new ArrayList<>();
    for (int i = 0; i < ids.length; i++) {
      String text = decoder.accept(ids[i]);
      text += i + 1 == ids.length ? decoder.finish() : "";
      tokens.add(new ExplainedToken(text, ids[i], i < promptLength, Math.exp(logprobs[i])));
    }
    return tokens;
  }
}
