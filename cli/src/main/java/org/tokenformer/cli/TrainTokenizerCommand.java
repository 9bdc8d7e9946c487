package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.ProgressBar;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.tokenizer.BpeTrainer;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "train-tokenizer",
    description = {
      "Learns a byte-level BPE tokenizer from texts.",
      "The tokenizer.json that it writes is what HF tokenizers' trainer would learn, and HF"
          + " tokenizers opens it. The first ids are the special tokens, then come the bytes, then"
          + " what was learnt."
    })
final class TrainTokenizerCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--vocab-size",
      required = true,
      paramLabel = "N",
      description = "Ids in all, special tokens and the 256 bytes included.")
  private int vocabSize;

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "FILE",
      description = "The tokenizer.json to write.")
  private @Nullable Path output;

  @Option(
      names = "--min-frequency",
      paramLabel = "N",
      defaultValue = "0",
      description = "How often a pair must occur to become a token, by default ${DEFAULT-VALUE}.")
  private long minFrequency;

  @Option(
      names = "--special-token",
      paramLabel = "TOKEN",
      description = "A special token besides <|endoftext|>; may be given several times.")
  private List<String> specialTokens = new ArrayList<>();

  @Option(names = "--force", description = "Replaces FILE if it exists.")
  private boolean force;

  @Parameters(paramLabel = "TEXT", arity = "1..*", description = "Texts in UTF-8.")
  private List<Path> texts = new ArrayList<>();

  TrainTokenizerCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Path file = Objects.requireNonNull(output);
    OutputFile.check(file, force);
    BpeTrainer.Options options = options();
    Tokenizer tokenizer;
    try (var progress = new PhaseProgress()) {
      tokenizer = BpeTrainer.train(texts, options, progress);
    }
    tokenizer.save(file);
    console.note(file + ": " + tokenizer.vocabularySize() + " ids");
    if (tokenizer.vocabularySize() < vocabSize) {
      console.warn(
          "the texts gave only %d of %d ids: no pair is left that occurs often enough"
              .formatted(tokenizer.vocabularySize(), vocabSize));
    }
    return 0;
  }

  private BpeTrainer.Options options() {
    List<String> special = new ArrayList<>(List.of(Tokenizer.END_OF_TEXT));
    special.addAll(specialTokens);
    try {
      return new BpeTrainer.Options(vocabSize, special, minFrequency);
    } catch (IllegalArgumentException e) {
      throw new UserError(Objects.toString(e.getMessage()), e);
    }
  }

  /** A bar for each phase. */
  private final class PhaseProgress implements BpeTrainer.ProgressListener, AutoCloseable {
    private BpeTrainer.@Nullable Phase phase;
    private @Nullable ProgressBar bar;

    @Override
    public void progress(BpeTrainer.Phase current, long done, long total) {
      if (bar == null || current != phase) {
        close();
        phase = current;
        bar =
            switch (current) {
              case READING -> console.progress("reading", total, "B");
              case MERGING -> console.progress("merging", total, "tokens");
            };
      }
      bar.update(done);
    }

    @Override
    public void close() {
      if (bar != null) {
        bar.close();
      }
    }
  }
}
