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
      "Shows what fired inside the model: writes on like 'generate', into a page for the browser.",
      "For each token of the text the page shows which parameter tokens of which layer were"
          + " strongest, and in which step of growth they came in. It is one file that needs"
          + " neither a network nor other files."
    })
final class ExplainCommand implements Callable<Integer> {
  private static final String NAME = "explain";
  private static final String ENDING = ".html";

  private final Console console;

  @Mixin private ModelOptions model = new ModelOptions();

  @Mixin private WritingOptions writing = new WritingOptions();

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description = "The page to write, by default explain.html, or explain-2.html and so on.")
  private @Nullable Path output;

  @Option(names = "--force", description = "Replaces FILE if it exists.")
  private boolean force;

  ExplainCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    model.folder(); // nobody should type a prompt for a model that is not there
    Path file = file();
    GenerationOptions options = writing.options();
    String text = writing.text(console);
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

  /** Writes the page; gives the ids of its text. */
  private int[] explain(
      ModelOptions.Loaded loaded,
      String text,
      GenerationOptions options,
      Path file,
      Interruption interruption)
      throws IOException {
    int[] prompt = WritingOptions.ids(text, loaded);
    int[] ids = write(loaded, prompt, options, interruption);
    Firings firings = Firings.of(loaded.model().model(), ids, interruption);
    List<ExplainedToken> tokens = tokens(loaded, ids, prompt.length);
    String facts =
        ModelSummary.line(loaded.model().config()) + "; seed " + options.sampling().seed();
    AtomicFiles.writeText(file, new ExplainPage(tokens, firings, facts).html());
    return ids;
  }

  /** The file that was named, or one that is not there yet. */
  private Path file() {
    Path file = output == null ? free(Path.of("")) : output;
    OutputFile.check(file, force);
    return file;
  }

  /** The first of the default names that a folder has not got yet. */
  static Path free(Path folder) {
    Path file = folder.resolve(NAME + ENDING);
    for (int i = 2; Files.exists(file, LinkOption.NOFOLLOW_LINKS); i++) {
      file = folder.resolve(NAME + "-" + i + ENDING);
    }
    return file;
  }

  /**
   * Writes on.
   *
   * @return all ids of the text that the model has positions for, the prompt's among them
   */
  private int[] write(
      ModelOptions.Loaded loaded,
      int[] prompt,
      GenerationOptions options,
      Cancellation cancellation) {
    StreamDecoder decoder = writing.decoder(loaded.tokenizer());
    IntArrayList ids = IntArrayList.of(prompt);
    try (ProgressBar progress = console.progress("explain", options.maxTokens(), "tokens")) {
      loaded
          .model()
          .generate(
              prompt,
              WritingOptions.ending(options, loaded.tokenizer()),
              id -> {
                ids.add(id);
                progress.update(ids.size() - prompt.length);
                decoder.accept(id);
                return !decoder.stopped();
              },
              cancellation);
    }
    Cancellation.check(cancellation);
    int read = Math.min(ids.size(), loaded.model().config().contextLength());
    return Arrays.copyOf(ids.elements(), read);
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
