package org.tokenformer.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.ProgressBar;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.tokenizer.DocumentEncoder;
import org.tokenformer.tokenizer.Tokenizer;
import org.tokenformer.tokenizer.dataset.DatasetWriter;
import org.tokenformer.tokenizer.dataset.TokenizerFingerprint;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "prepare",
    description = {
      "Turns texts into a dataset of token ids.",
      "The dataset is an Apache Arrow IPC file with a column input_ids, a list of int32 for each"
          + " document, which pyarrow and HF datasets open as well. Lines that are exactly"
          + " <|endoftext|> part the documents of a text; a document loses its last newline, and an"
          + " empty one is left out. Each row ends with the id of <|endoftext|>.",
      "Texts may be of any size: memory does not grow with them. Only what has to be encoded at once"
          + " may have no more than 128 MiB: a line or, with a tokenizer that brings a pattern of its"
          + " own, a document."
    })
final class PrepareCommand implements Callable<Integer> {
  /** The name that stands for standard input. */
  private static final Path STANDARD_INPUT = Path.of("-");

  private final Console console;

  @Option(
      names = {"-t", "--tokenizer"},
      required = true,
      paramLabel = "FILE",
      description = "The tokenizer.json to use.")
  private @Nullable Path tokenizer;

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "FILE",
      description = "The dataset to write, such as data.arrow.")
  private @Nullable Path output;

  @Option(names = "--force", description = "Replaces the dataset if it exists.")
  private boolean force;

  @Parameters(
      paramLabel = "TEXT",
      arity = "1..*",
      description = "Texts in UTF-8; - is standard input.")
  private List<Path> texts = new ArrayList<>();

  PrepareCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Path file = Objects.requireNonNull(output);
    checkOutput(file);
    Path tokenizerFile = Objects.requireNonNull(tokenizer);
    Tokenizer loaded = Tokenizer.load(tokenizerFile);
    TokenizerFingerprint fingerprint = TokenizerFingerprint.of(loaded, tokenizerFile);
    try (var interruption = new Interruption();
        DatasetWriter writer = DatasetWriter.create(file, fingerprint)) {
      try {
        write(loaded, writer, interruption);
      } catch (CancellationException e) {
        return interruption.exitCode();
      }
      if (writer.rows() == 0) {
        throw new UserError(file + ": not written, because the texts hold no document");
      }
      writer.finish();
      console.note(
          "%s: %s documents, %s ids, %s"
              .formatted(
                  file,
                  Amount.count(writer.rows()),
                  Amount.count(writer.size()),
                  Amount.bytes(Files.size(file))));
    }
    return 0;
  }

  private void checkOutput(Path file) throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    if (!force) {
      throw new UserError(file + ": exists already; add --force to replace it");
    }
    for (Path text : texts) {
      if (Files.exists(text) && Files.isSameFile(file, text)) {
        throw new UserError(file + ": is one of the texts; choose another name for the dataset");
      }
    }
  }

  /** Reads the texts one after the other, with a progress bar over all of them. */
  private void write(Tokenizer loaded, DatasetWriter writer, Interruption interruption)
      throws IOException {
    long done = 0;
    try (ProgressBar progress = console.progress("prepare", textBytes(), "B")) {
      for (Path text : texts) {
        boolean standard = text.equals(STANDARD_INPUT);
        try (InputStream in = standard ? console.in() : Files.newInputStream(text)) {
          String name = standard ? "standard input" : text.toString();
          DocumentEncoder encoder = new DocumentEncoder(loaded, in, name);
          while (encoder.next()) {
            Cancellation.check(interruption);
            writer.append(encoder.ids().elements(), 0, encoder.ids().size());
            if (encoder.endsDocument()) {
              writer.endRow();
            }
            progress.update(done + encoder.bytesRead());
          }
          done += encoder.bytesRead();
        }
      }
      progress.update(done);
    }
  }

  /**
   * The bytes of all texts, or 0 where that is not known beforehand. Each has to be there before
   * the first is read.
   */
  private long textBytes() throws IOException {
    long total = 0;
    boolean known = true;
    for (Path text : texts) {
      if (text.equals(STANDARD_INPUT)) {
        known = false;
      } else if (Files.isDirectory(text)) {
        throw new UserError(text + ": is a folder; name a text");
      } else {
        total += Files.size(text);
        known &= Files.isRegularFile(text);
      }
    }
    return known ? total : 0;
  }
}
