package org.tokenformer.cli;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.ProgressBar;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.train.DataTooShortException;
import org.tokenformer.engine.train.TokenSource;
import org.tokenformer.tokenizer.TextFiles;
import org.tokenformer.tokenizer.Tokenizer;
import org.tokenformer.tokenizer.dataset.TokenFiles;

/** The token ids of texts and datasets. Progress and warnings go to the console. */
record TokenData(TokenFiles files) implements TokenSource, Closeable {
  /**
   * Encodes texts, opens datasets and checks their ids.
   *
   * @param label the label of the progress bar
   * @param texts opens the texts
   * @param tokenizerFile the file of {@code tokenizer}
   * @throws java.util.concurrent.CancellationException if cancelled
   */
  static TokenData open(
      Console console,
      String label,
      List<Path> files,
      TextFiles texts,
      Tokenizer tokenizer,
      Path tokenizerFile,
      Cancellation cancellation)
      throws IOException {
    var listener = new OnConsole(console, label, cancellation);
    return new TokenData(TokenFiles.open(files, texts, tokenizer, tokenizerFile, listener));
  }

  /** Opens the first ids of one file; see {@link TokenFiles#openFirst}. */
  static TokenData openFirst(
      Console console,
      Path file,
      int ids,
      TextFiles texts,
      Tokenizer tokenizer,
      Path tokenizerFile,
      Cancellation cancellation)
      throws IOException {
    var listener = new OnConsole(console, "reading", cancellation);
    return new TokenData(
        TokenFiles.openFirst(file, ids, texts, tokenizer, tokenizerFile, listener));
  }

  /** Shows progress bars and warnings. */
  private record OnConsole(Console console, String label, Cancellation cancellation)
      implements TokenFiles.Listener {
    @Override
    public TokenFiles.Progress text(Path file, long bytes) {
      ProgressBar bar = console.progress(label, bytes, "B");
      return new TokenFiles.Progress() {
        @Override
        public void update(long bytesRead) {
          Cancellation.check(cancellation);
          bar.update(bytesRead);
        }

        @Override
        public void close() {
          bar.close();
        }
      };
    }

    @Override
    public void warn(String line) {
      console.warn(line);
    }
  }

  @Override
  public long size() {
    return files.size();
  }

  /**
   * Rejects data that is too short for one window.
   *
   * @param option the option that named the files
   * @param positions the length of the window
   * @param advice what to do
   */
  void requireWindow(String option, List<Path> named, int positions, String advice) {
    try {
      requireWindow(positions);
    } catch (DataTooShortException e) {
      throw new UserError(
          "%s %s: %s; %s".formatted(option, named.getFirst(), e.shortage(), advice), e);
    }
  }

  /** Rejects data that is too short for one window of a model's context. */
  void requireContext(String option, List<Path> named, TokenFormerConfig config) {
    requireWindow(option, named, config.contextLength(), "use more text");
  }

  @Override
  public void read(long from, int[] to, int offset, int count) {
    files.read(from, to, offset, count);
  }

  @Override
  public void close() {
    files.close();
  }
}
