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
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "train-tokenizer",
    description = {
      "Trains a byte-level BPE tokenizer on texts.",
      "The vocabulary and merges are the same as those of the HF tokenizers trainer, and HF"
          + " tokenizers can load the tokenizer.json. The special tokens get the first ids,"
          + " followed by the 256 bytes and the merges."
    })
final class TrainTokenizerCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = "--vocab-size",
      required = true,
      paramLabel = "N",
      description = "Vocabulary size, including the special tokens and the 256 bytes.")
  private int vocabSize;

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "FILE",
      description = "Tokenizer file to write (tokenizer.json).")
  private @Nullable Path output;

  @Option(
      names = "--min-frequency",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Minimum number of occurrences for a pair to be merged. Default: ${DEFAULT-VALUE}.")
  private long minFrequency;

  @Option(
      names = "--special-token",
      paramLabel = "TOKEN",
      description = "Special token in addition to <|endoftext|>. Can be repeated.")
  private List<String> specialTokens = new ArrayList<>();

  @Option(names = "--force", description = "Overwrite FILE if it exists.")
  private boolean force;

  @Parameters(
      paramLabel = "TEXT",
      arity = "1..*",
      description = "UTF-8 text files; - means standard input.")
  private List<Path> texts = new ArrayList<>();

  @Mixin private TextOptions reading = new TextOptions();

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
      tokenizer = BpeTrainer.train(texts, reading.files(console), options, progress);
    }
    tokenizer.save(file);
    console.note(file + ": " + tokenizer.vocabularySize() + " ids");
    if (tokenizer.vocabularySize() < vocabSize) {
      console.warn(
          "only %d of %d ids were created: no remaining pair occurs often enough"
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
      throw new UserError(OptionWording.withOptions(Objects.toString(e.getMessage())), e);
    }
  }

  /** Shows a progress bar for each phase. */
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
