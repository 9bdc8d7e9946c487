package org.tokenformer.tokenizer.dataset;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.tokenformer.tokenizer.DocumentEncoder;
import org.tokenformer.tokenizer.TextFiles;
import org.tokenformer.tokenizer.TextLines;
import org.tokenformer.tokenizer.Tokenizer;

/**
 * Texts and datasets concatenated into one stream of ids with random access, as training or
 * evaluation data. The first bytes of a file decide which of the two it is. Datasets are
 * memory-mapped; texts are encoded into memory by {@link DocumentEncoder}.
 *
 * <p>Texts alone do not need Arrow on the class path. Concurrent reads are safe.
 *
 * <pre>{@code
 * try (TokenFiles data =
 *     TokenFiles.open(files, TextFiles.plain(), tokenizer, tokenizerJson, Listener.NONE)) {
 *   data.read(0, ids, 0, ids.length);
 * }
 * }</pre>
 */
public final class TokenFiles implements Closeable {
  /** Maximum size in bytes of a text, whose ids are held in memory and take about as much. */
  public static final long MAX_TEXT_BYTES = 1L << 30;

  /** Receives progress and warnings while files are opened. Its exceptions abort the opening. */
  public interface Listener {
    /** Ignores everything. */
    Listener NONE = new Listener() {};

    /**
     * Called before a text is read.
     *
     * @param bytes size of the text; 0 if unknown
     * @return receives the progress
     */
    default Progress text(Path file, long bytes) {
      return read -> {};
    }

    /**
     * Called with a warning.
     *
     * @param line a human-readable line
     */
    default void warn(String line) {}
  }

  /** Receives the progress of reading a text. */
  @FunctionalInterface
  public interface Progress extends AutoCloseable {
    /** Called with the number of bytes read so far. */
    void update(long bytesRead);

    /** Called when the text has been read or reading it has failed. */
    @Override
    default void close() {}
  }

  /** Copies ids of one file; the parameters are those of {@link TokenFiles#read}. */
  private interface Reader {
    void read(long from, int[] to, int offset, int count);
  }

  private record Part(long start, long end, Reader reader) {}

  private final TextFiles texts;
  private final Tokenizer tokenizer;
  private final Path tokenizerJson;
  private final Listener listener;
  private final long maxIds; // reading of a text stops at this many ids
  private final List<TokenDataset> datasets = new ArrayList<>();
  private final List<Part> parts = new ArrayList<>();
  private long size;
  private long textBytes;
  private @Nullable TokenizerFingerprint fingerprint; // computed when first needed

  private TokenFiles(
      TextFiles texts, Tokenizer tokenizer, Path tokenizerJson, long maxIds, Listener listener) {
    this.texts = texts;
    this.tokenizer = tokenizer;
    this.tokenizerJson = tokenizerJson;
    this.maxIds = maxIds;
    this.listener = listener;
  }

  /**
   * Reads texts, opens datasets and checks their ids. Warns if the metadata of a dataset names a
   * different tokenizer, since its ids may then stand for different tokens.
   *
   * @param texts opens the texts
   * @param tokenizerJson the file that the tokenizer was loaded from
   * @throws DatasetException if a dataset is damaged or has ids outside the vocabulary, or a text
   *     has more than {@link #MAX_TEXT_BYTES} bytes
   * @throws IOException as {@link TextFiles#check}, before any file is read, and {@link
   *     DocumentEncoder#next} do
   */
  public static TokenFiles open(
      List<Path> files, TextFiles texts, Tokenizer tokenizer, Path tokenizerJson, Listener listener)
      throws IOException {
    return open(files, new TokenFiles(texts, tokenizer, tokenizerJson, Long.MAX_VALUE, listener));
  }

  /**
   * Opens one file for its first ids. A text, however large, is read only as far as needed, and
   * {@link #size} counts the ids read.
   *
   * @param ids the number of ids needed; the result may have more or fewer
   */
  public static TokenFiles openFirst(
      Path file,
      int ids,
      TextFiles texts,
      Tokenizer tokenizer,
      Path tokenizerJson,
      Listener listener)
      throws IOException {
    return open(List.of(file), new TokenFiles(texts, tokenizer, tokenizerJson, ids, listener));
  }

  private static TokenFiles open(List<Path> files, TokenFiles opened) throws IOException {
    opened.texts.check(files);
    try {
      for (Path file : files) {
        if (!opened.texts.isStandardInput(file) && TokenDataset.isDataset(file)) {
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
          "%s: was prepared with a different tokenizer (SHA-256 %s…) than %s (%s…), so its ids may stand for different tokens"
              .formatted(file, expected.substring(0, 12), tokenizerJson, actual.substring(0, 12)));
    }
  }

  private void addText(Path file) throws IOException {
    long bytes = texts.size(List.of(file));
    checkLength(file, bytes);
    IntArrayList ids = new IntArrayList();
    try (TextLines lines = texts.open(file);
        Progress progress = listener.text(file, bytes)) {
      DocumentEncoder encoder = new DocumentEncoder(tokenizer, lines);
      while (size + ids.size() < maxIds && encoder.next()) {
        ids.addAll(encoder.ids());
        checkLength(file, encoder.bytesRead());
        progress.update(encoder.bytesRead());
      }
      progress.update(encoder.bytesRead());
      textBytes += encoder.bytesRead();
    }
    add(
        ids.size(),
        (from, to, offset, count) -> ids.getElements(Math.toIntExact(from), to, offset, count));
  }

  private void checkLength(Path file, long bytes) throws DatasetException {
    if (bytes > MAX_TEXT_BYTES && maxIds > MAX_TEXT_BYTES) {
      throw new DatasetException(
          file,
          "has %d bytes of text, more than the maximum of %d; convert it to a dataset with 'tokenformer prepare'"
              .formatted(bytes, MAX_TEXT_BYTES));
    }
  }

  private void add(long count, Reader reader) {
    if (count > 0) {
      long end = Math.addExact(size, count);
      parts.add(new Part(size, end, reader));
      size = end;
    }
  }

  /** Returns the number of ids of all files. */
  public long size() {
    return size;
  }

  /** Returns the bytes read from all texts; 0 if there are datasets, whose text size is unknown. */
  public long textBytes() {
    return datasets.isEmpty() ? textBytes : 0;
  }

  /**
   * Reads ids {@code from .. from + count - 1} of the stream.
   *
   * @throws IndexOutOfBoundsException if the range is outside the stream or the array
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

  /** Unmaps the datasets. No read may be in progress. */
  @Override
  public void close() {
    datasets.forEach(TokenDataset::close);
  }
}
