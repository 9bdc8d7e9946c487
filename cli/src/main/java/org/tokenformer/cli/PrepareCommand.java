package org.tokenformer.cli;

import java.io.IOException;
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
import org.tokenformer.tokenizer.TextFiles;
import org.tokenformer.tokenizer.TextLines;
import org.tokenformer.tokenizer.Tokenizer;
import org.tokenformer.tokenizer.dataset.DatasetWriter;
import org.tokenformer.tokenizer.dataset.TokenizerFingerprint;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "prepare",
    description = {
      "Converts texts to a dataset of token ids.",
      "The dataset is an Apache Arrow IPC file with a column input_ids, one list of int32 per"
          + " document; pyarrow and HF datasets can open it. In the texts, lines that are"
          + " exactly <|endoftext|> separate documents. The last newline of a document is"
          + " removed, empty documents are skipped, and each row ends with the id of"
          + " <|endoftext|>.",
      "Texts can be of any size; memory use does not grow with them. Only a piece that must be"
          + " encoded at once is limited, to 128 MiB: a line or, if the tokenizer's pattern is"
          + " not GPT-2's, a document."
    })
final class PrepareCommand implements Callable<Integer> {
  private final Console console;

  @Option(
      names = {"-t", "--tokenizer"},
      required = true,
      paramLabel = "FILE",
      description = "Tokenizer (tokenizer.json).")
  private @Nullable Path tokenizer;

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "FILE",
      description = "Dataset to write, such as data.arrow.")
  private @Nullable Path output;

  @Option(names = "--force", description = "Overwrite the dataset if it exists.")
  private boolean force;

  @Parameters(
      paramLabel = "TEXT",
      arity = "1..*",
      description = "UTF-8 text files; - means standard input.")
  private List<Path> texts = new ArrayList<>();

  @Mixin private TextOptions options = new TextOptions();

  PrepareCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Path file = Objects.requireNonNull(output);
    OutputFile.check(file, force);
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
        throw new UserError(file + ": not written, because the texts contain no document");
      }
      writer.finish();
      console.note(
          "%s: %s document%s, %s ids, %s"
              .formatted(
                  file,
                  Amount.count(writer.rows()),
                  writer.rows() == 1 ? "" : "s",
                  Amount.count(writer.size()),
                  Amount.bytes(Files.size(file))));
    }
    return 0;
  }

  /** Encodes the texts in order, with one progress bar for all of them. */
  private void write(Tokenizer loaded, DatasetWriter writer, Interruption interruption)
      throws IOException {
    TextFiles opened = options.files(console);
    opened.check(texts);
    long done = 0;
    try (ProgressBar progress = console.progress("prepare", opened.size(texts), "B")) {
      for (Path text : texts) {
        try (TextLines lines = opened.open(text)) {
          DocumentEncoder encoder = new DocumentEncoder(loaded, lines);
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
}
