package org.tokenformer.tokenizer.dataset;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.tokenformer.tokenizer.DocumentEncoder;
import org.tokenformer.tokenizer.Tokenizer;

/**
 * Texts and datasets, one after the other, as one stream of ids with random access: what a model is
 * trained or measured on. A file's first bytes say which it is. Datasets are mapped; texts are
 * turned into ids in memory, as {@link DocumentEncoder} does.
 *
 * <p>Texts alone need no Arrow on the class path. Reading is safe for any number of threads.
 *
 * <pre>{@code
 * try (TokenFiles data = TokenFiles.open(files, tokenizer, tokenizerJson, Listener.NONE)) {
 *   data.read(0, ids, 0, ids.length);
 * }
 * }</pre>
 */
public final class TokenFiles implements Closeable {
  /** Bytes that a text may have to be kept in memory: its ids take about as many. */
  public static final long LARGEST_TEXT = 1L << 30;

  /** Hears how the opening of files goes, and may end it by an exception, which is passed on. */
  public interface Listener {
    /** Hears nothing. */
    Listener NONE = new Listener() {};

    /**
     * A text begins.
     *
     * @param bytes of the text; 0 where that is not known beforehand
     * @return hears how far it is
     */
    default Progress text(Path file, long bytes) {
      return read -> {};
    }

    /**
     * Something is doubtful.
     *
     * @param line for people
     */
    default void warn(String line) {}
  }

  /** How far the reading of a text is. */
  @FunctionalInterface
  public interface Progress extends AutoCloseable {
    /** So many bytes of the text have been read. */
    void update(long bytesRead);

    /** The text ends, or its reading failed. */
    @Override
    default void close() {}
  }

  /** Copies ids of a file; arguments as of {@link TokenFiles#read}. */
  private interface Reader {
    void read(long from, int[] to, int offset, int count);
  }

  private record Part(long start, long end, Reader reader) {}

  private final Tokenizer tokenizer;
  private final Path tokenizerJson;
  private final Listener listener;
  private final long most; // ids after which no more of a text is read
  private final List<TokenDataset> datasets = new ArrayList<>();
  private final List<Part> parts = new ArrayList<>();
  private long size;
  private long textBytes;
  private @Nullable TokenizerFingerprint fingerprint; // when first needed

  private TokenFiles(Tokenizer tokenizer, Path tokenizerJson, long most, Listener listener) {
    this.tokenizer = tokenizer;
    this.tokenizerJson = tokenizerJson;
    this.most = most;
    this.listener = listener;
  }

  /**
   * Reads texts, opens datasets and checks their ids. A dataset that says that another tokenizer
   * made it is a warning: its ids may mean other words.
   *
   * @param tokenizerJson where the tokenizer was loaded from
   * @throws NoSuchFileException if one is missing, before any is read
   * @throws DatasetException if a dataset is damaged or has ids that the tokenizer does not have,
   *     or a text has more than {@link #LARGEST_TEXT} bytes
   * @throws org.tokenformer.tokenizer.TokenizerException if a text cannot be encoded
   */
  public static TokenFiles open(
      List<Path> files, Tokenizer tokenizer, Path tokenizerJson, Listener listener)
      throws IOException {
    return open(files, new TokenFiles(tokenizer, tokenizerJson, Long.MAX_VALUE, listener));
  }

  /**
   * Opens one file for its first ids: of a text, however large, no more is read than that takes, so
   * that {@link #size} counts those that were read.
   *
   * @param ids how many are wanted; there may be more or fewer
   */
  public static TokenFiles openFirst(
      Path file, int ids, Tokenizer tokenizer, Path tokenizerJson, Listener listener)
      throws IOException {
    return open(List.of(file), new TokenFiles(tokenizer, tokenizerJson, ids, listener));
  }

  private static TokenFiles open(List<Path> files, TokenFiles opened) throws IOException {
    for (Path file : files) { // all of them before hours go into the first
      if (!Files.exists(file)) {
        throw new NoSuchFileException(file.toString());
      }
      if (Files.isDirectory(file)) {
        throw new DatasetException(file, "is a folder; name a text or a dataset");
      }
    }
    try {
      for (Path file : files) {
        if (TokenDataset.isDataset(file)) {
          opened.addDataset(file);
        } else {
          opened.addText(file);
        }
      }
      return opened;
    } catch (IOException | RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  private void addDataset(Path file) throws IOException {
    TokenDataset dataset = TokenDataset.open(file);
    datasets.add(dataset);
    Optional<TokenizerFingerprint> maker = dataset.tokenizer();
    if (maker.isPresent()) {
      warnIfOther(file, maker.get().sha256(), fingerprint().sha256());
    }
    dataset.requireIdsBelow(tokenizer.vocabularySize());
    add(dataset.size(), dataset::read);
  }

  private TokenizerFingerprint fingerprint() throws IOException {
    TokenizerFingerprint known = fingerprint;
    if (known == null) {
      known = TokenizerFingerprint.of(tokenizer, tokenizerJson);
      fingerprint = known;
    }
    return known;
  }

  private void warnIfOther(Path file, String expected, String actual) {
    if (!expected.equals(actual)) {
      listener.warn(
          "%s: was prepared with another tokenizer (SHA-256 %s…) than %s (%s…), so its ids may mean other words"
              .formatted(file, expected.substring(0, 12), tokenizerJson, actual.substring(0, 12)));
    }
  }

  private void addText(Path file) throws IOException {
    long bytes = Files.isRegularFile(file) ? Files.size(file) : 0;
    if (bytes > LARGEST_TEXT && most > LARGEST_TEXT) {
      throw new DatasetException(
          file,
          "has %d bytes of text, which are more than the %d that are kept in memory; make a dataset of it with 'tokenformer prepare'"
              .formatted(bytes, LARGEST_TEXT));
    }
    IntArrayList ids = new IntArrayList();
    try (InputStream in = Files.newInputStream(file);
        Progress progress = listener.text(file, bytes)) {
      DocumentEncoder encoder = new DocumentEncoder(tokenizer, in, file.toString());
      while (size + ids.size() < most && encoder.next()) {
        ids.addAll(encoder.ids());
        progress.update(encoder.bytesRead());
      }
      progress.update(encoder.bytesRead());
      textBytes += encoder.bytesRead();
    }
    add(
        ids.size(),
        (from, to, offset, count) -> ids.getElements(Math.toIntExact(from), to, offset, count));
  }

  private void add(long count, Reader reader) {
    if (count > 0) {
      long end = Math.addExact(size, count);
      parts.add(new Part(size, end, reader));
      size = end;
    }
  }

  /** The ids of all files. */
  public long size() {
    return size;
  }

  /** Bytes of all texts; 0 if there are datasets too, for then it is not known of how many. */
  public long textBytes() {
    return datasets.isEmpty() ? textBytes : 0;
  }

  /**
   * Reads ids {@code from .. from + count - 1} of the stream.
   *
   * @throws IndexOutOfBoundsException if they are not within the stream or the array
   * @throws IllegalStateException if a dataset is closed
   */
  public void read(long from, int[] to, int offset, int count) {
    Objects.checkFromIndexSize(from, count, size);
    Objects.checkFromIndexSize(offset, count, to.length);
    int done = 0;
    for (Part part : parts) {
      long start = from + done;
      if (done < count && start < part.end) {
        int here = (int) Math.min(count - done, part.end - start);
        part.reader.read(start - part.start, to, offset + done, here);
        done += here;
      }
    }
  }

  /** Unmaps the datasets. Reading has to have ended. */
  @Override
  public void close() {
    datasets.forEach(TokenDataset::close);
  }
}
