package org.tokenformer.cli;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.train.TokenSource;
import org.tokenformer.tokenizer.Tokenizer;
import org.tokenformer.tokenizer.dataset.TokenDataset;

/**
 * Texts and datasets, one after the other, as one stream of ids. A file's first bytes say which it
 * is. Datasets are mapped; texts are turned into ids in memory.
 */
final class TokenData implements TokenSource, Closeable {
  private static final long LARGEST_TEXT = 1L << 30;

  /** A part of the stream. */
  private record Part(long start, long end, TokenSource source) {}

  /** The ids of a text. */
  private record TextIds(IntArrayList ids) implements TokenSource {
    @Override
    public long size() {
      return ids.size();
    }

    @Override
    public void read(long from, int[] to, int offset, int count) {
      ids.getElements(Math.toIntExact(from), to, offset, count);
    }
  }

  private record DatasetIds(TokenDataset dataset) implements TokenSource {
    @Override
    public long size() {
      return dataset.size();
    }

    @Override
    public void read(long from, int[] to, int offset, int count) {
      dataset.read(from, to, offset, count);
    }
  }

  private final List<TokenDataset> datasets = new ArrayList<>();
  private final List<Part> parts = new ArrayList<>();
  private long size;
  private long textBytes;

  private final long most;

  /**
   * Without anything yet.
   *
   * @param most ids after which no more of a text is read
   */
  private TokenData(long most) {
    this.most = most;
  }

  /**
   * Reads texts, opens datasets and checks their ids.
   *
   * @param label of the progress bar
   * @param tokenizerFile where the tokenizer was read from
   * @throws java.util.concurrent.CancellationException if cancelled
   */
  static TokenData open(
      Console console,
      String label,
      List<Path> files,
      Tokenizer tokenizer,
      Path tokenizerFile,
      Cancellation cancellation)
      throws IOException {
    return open(console, label, files, Long.MAX_VALUE, tokenizer, tokenizerFile, cancellation);
  }

  /**
   * Opens one file for its first ids: of a text no more is read than that takes, so that {@link
   * #size} counts those that were read.
   *
   * @throws java.util.concurrent.CancellationException if cancelled
   */
  static TokenData openFirst(
      Console console,
      Path file,
      int ids,
      Tokenizer tokenizer,
      Path tokenizerFile,
      Cancellation cancellation)
      throws IOException {
    return open(console, "reading", List.of(file), ids, tokenizer, tokenizerFile, cancellation);
  }

  private static TokenData open(
      Console console,
      String label,
      List<Path> files,
      long most,
      Tokenizer tokenizer,
      Path tokenizerFile,
      Cancellation cancellation)
      throws IOException {
    for (Path file : files) {
      if (!Files.exists(file)) { // before hours go into those before it
        throw new NoSuchFileException(file.toString());
      }
    }
    TokenData data = new TokenData(most);
    try {
      for (Path file : files) {
        if (TokenDataset.isDataset(file)) {
          TokenDataset dataset = TokenDataset.open(file);
          data.datasets.add(dataset);
          Datasets.check(console, dataset, tokenizer, tokenizerFile);
          data.add(new DatasetIds(dataset));
        } else {
          data.addText(console, label, file, tokenizer, cancellation);
        }
      }
      return data;
    } catch (IOException | RuntimeException | Error e) {
      data.close();
      throw e;
    }
  }

  private void addText(
      Console console, String label, Path file, Tokenizer tokenizer, Cancellation cancellation)
      throws IOException {
    long bytes = Files.size(file);
    if (bytes > LARGEST_TEXT && most > LARGEST_TEXT) {
      throw new UserError(
          "%s: has %s of text, which is too much to keep in memory; make a dataset of it with"
                  .formatted(file, Amount.bytes(bytes))
              + " 'tokenformer prepare'");
    }
    IntArrayList ids = new IntArrayList();
    textBytes +=
        Texts.read(
            console,
            label,
            List.of(file),
            tokenizer,
            new Texts.Sink() {
              @Override
              public void accept(IntArrayList run, boolean endsDocument) {
                Cancellation.check(cancellation);
                ids.addAll(run);
              }

              @Override
              public boolean isFull() {
                return size + ids.size() >= most;
              }
            });
    add(new TextIds(ids));
  }

  private void add(TokenSource source) {
    if (source.size() > 0) {
      parts.add(new Part(size, Math.addExact(size, source.size()), source));
      size += source.size();
    }
  }

  @Override
  public long size() {
    return size;
  }

  /**
   * Refuses data too short for one window of a model's context.
   *
   * @param option that named the files
   */
  void checkWindow(String option, List<Path> files, int context) {
    if (size <= context) {
      throw new UserError(
          "%s: %s: %d tokens; one window of the model's context needs %d"
              .formatted(option, files.getFirst(), size, context + 1));
    }
  }

  /** Bytes of all texts; 0 if there are datasets too, for then it is not known of how many. */
  long textBytes() {
    return datasets.isEmpty() ? textBytes : 0;
  }

  @Override
  public void read(long from, int[] to, int offset, int count) {
    int done = 0;
    for (Part part : parts) {
      long start = from + done;
      if (done < count && start < part.end) {
        int here = (int) Math.min(count - done, part.end - start);
        part.source.read(start - part.start, to, offset + done, here);
        done += here;
      }
    }
    if (done < count) {
      throw new IndexOutOfBoundsException("ids %d to %d of %d".formatted(from, from + count, size));
    }
  }

  @Override
  public void close() {
    for (TokenDataset dataset : datasets) {
      dataset.close();
    }
  }
}
