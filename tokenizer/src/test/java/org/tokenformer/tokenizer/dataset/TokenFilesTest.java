package org.tokenformer.tokenizer.dataset;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.tokenizer.TextFiles;
import org.tokenformer.tokenizer.Tokenizer;
import org.tokenformer.tokenizer.dataset.TokenFiles.Listener;
import org.tokenformer.tokenizer.dataset.TokenFiles.Progress;

/** Texts and datasets as one stream. */
class TokenFilesTest {
  private static final Path TOKENIZER =
      Path.of(System.getProperty("project.root", ".."), "testdata/tokenizer/base/tokenizer.json");

  @TempDir private Path folder = Path.of("");
  private Tokenizer tokenizer;

  TokenFilesTest() throws IOException {
    tokenizer = Tokenizer.load(TOKENIZER);
  }

  /** Records all calls. */
  private static final class Heard implements Listener {
    final List<String> lines = new ArrayList<>();

    @Override
    public Progress text(Path file, long bytes) {
      lines.add(file.getFileName() + " of " + bytes);
      return new Progress() {
        @Override
        public void update(long bytesRead) {
          lines.add("at " + bytesRead);
        }

        @Override
        public void close() {
          lines.add("end");
        }
      };
    }

    @Override
    public void warn(String line) {
      lines.add(line);
    }
  }

  private final Heard heard = new Heard();
  private Path first = folder;
  private Path second = folder;
  private Path dataset = folder;
  private final int[] rows = {5, 1, 7, 0, 3};

  @BeforeEach
  void files() throws IOException {
    first = Files.writeString(folder.resolve("first.txt"), "Once upon a time\n");
    second = Files.writeString(folder.resolve("second.txt"), "a king\n<|endoftext|>\nlived\n");
    dataset = folder.resolve("rows.arrow");
    write(dataset, TokenizerFingerprint.of(tokenizer, TOKENIZER), rows);
  }

  private static void write(Path file, TokenizerFingerprint maker, int... ids) throws IOException {
    try (DatasetWriter writer = DatasetWriter.create(file, maker)) {
      writer.append(ids, 0, ids.length);
      writer.endRow();
      writer.finish();
    }
  }

  private void addTo(IntArrayList ids, String... documents) {
    for (String document : documents) {
      tokenizer.encode(document, ids);
      ids.add(tokenizer.endOfTextId().orElseThrow());
    }
  }

  @Test
  void filesOfBothKindsAreOneStream() throws IOException {
    IntArrayList all = new IntArrayList();
    addTo(all, "Once upon a time");
    all.addElements(all.size(), rows);
    addTo(all, "a king", "lived");
    Path empty = Files.writeString(folder.resolve("empty.txt"), "");
    List<Path> files = List.of(empty, first, dataset, second);
    try (TokenFiles data = TokenFiles.open(files, TextFiles.plain(), tokenizer, TOKENIZER, heard)) {
      int[] expected = all.toIntArray();
      assertEquals(expected.length, data.size());
      assertEquals(0, data.textBytes());
      for (int from = 0; from <= expected.length; from++) {
        for (int to = from; to <= expected.length; to++) {
          int[] read = new int[to - from + 1];
          data.read(from, read, 1, to - from);
          assertArrayEquals(
              Arrays.copyOfRange(expected, from, to), Arrays.copyOfRange(read, 1, read.length));
        }
      }
      int[] one = new int[2];
      assertThrows(
          IndexOutOfBoundsException.class, () -> data.read(expected.length - 1, one, 0, 2));
      assertThrows(IndexOutOfBoundsException.class, () -> data.read(-1, one, 0, 1));
      assertThrows(IndexOutOfBoundsException.class, () -> data.read(0, one, 1, 2));
    }
    assertEquals(
        List.of(
            "empty.txt of 0",
            "at 0",
            "end",
            "first.txt of 17",
            "at 17",
            "at 17",
            "end",
            "second.txt of 27",
            "at 27",
            "at 27",
            "at 27",
            "end"),
        heard.lines);
    try (TokenFiles texts =
        TokenFiles.open(
            List.of(first, second), TextFiles.plain(), tokenizer, TOKENIZER, Listener.NONE)) {
      assertEquals(17 + 27, texts.textBytes());
    }
  }

  @Test
  void aDatasetOfAnotherTokenizerIsAWarning() throws IOException {
    write(dataset, Datasets.FINGERPRINT, rows);
    TokenFiles.open(List.of(dataset), TextFiles.plain(), tokenizer, TOKENIZER, heard).close();
    String sha = TokenizerFingerprint.of(tokenizer, TOKENIZER).sha256().substring(0, 12);
    assertEquals(
        List.of(
            dataset
                + ": was prepared with a different tokenizer (SHA-256 0f0f0f0f0f0f…) than "
                + TOKENIZER
                + " ("
                + sha
                + "…), so its ids may stand for different tokens"),
        heard.lines);
  }

  private String refused(Path... files) {
    IOException e =
        assertThrows(
            IOException.class,
            () ->
                TokenFiles.open(List.of(files), TextFiles.plain(), tokenizer, TOKENIZER, heard)
                    .close());
    String message = String.valueOf(e.getMessage());
    assertFalse(message.contains("\n"), message);
    return message;
  }

  @Test
  void whatCannotBeReadIsRefused() throws IOException {
    Path missing = folder.resolve("missing");
    assertThrows(
        NoSuchFileException.class,
        () ->
            TokenFiles.open(List.of(first, missing), TextFiles.plain(), tokenizer, TOKENIZER, heard)
                .close());
    assertEquals(folder + ": is a folder; name the files in it", refused(first, folder));
    assertEquals(List.of(), heard.lines, "nothing is read before all are there");

    int vocabulary = tokenizer.vocabularySize();
    write(dataset, TokenizerFingerprint.of(tokenizer, TOKENIZER), 1, vocabulary);
    String outside = refused(first, dataset);
    assertTrue(outside.startsWith(dataset + ": "), outside);
    assertTrue(outside.contains("is not in the vocabulary (0 to " + (vocabulary - 1)), outside);

    try (var large = new RandomAccessFile(second.toFile(), "rw")) {
      large.setLength(TokenFiles.MAX_TEXT_BYTES + 1);
    }
    assertEquals(
        second
            + ": has 1073741825 bytes of text, more than the maximum of 1073741824; convert it to a"
            + " dataset with 'tokenformer prepare'",
        refused(second));
  }

  @Test
  void ofALongTextOnlyTheBeginningIsRead() throws IOException {
    Random random = new Random(1);
    StringBuilder text = new StringBuilder();
    while (text.length() < 1 << 20) {
      text.append("number ").append(random.nextInt(1000)).append('\n');
    }
    Files.writeString(first, text);
    int[] expected = new int[100];
    try (TokenFiles whole =
            TokenFiles.open(List.of(first), TextFiles.plain(), tokenizer, TOKENIZER, heard);
        TokenFiles some =
            TokenFiles.openFirst(first, 100, TextFiles.plain(), tokenizer, TOKENIZER, heard)) {
      assertTrue(some.size() >= 100 && some.size() < whole.size() / 2, "" + some.size());
      assertTrue(some.textBytes() < text.length() / 2, "" + some.textBytes());
      whole.read(0, expected, 0, 100);
      int[] read = new int[100];
      some.read(0, read, 0, 100);
      assertArrayEquals(expected, read);
    }
  }

  @Test
  void aListenerMayEndTheReading() {
    Listener ends =
        new Listener() {
          @Override
          public Progress text(Path file, long bytes) {
            return read -> {
              throw new CancellationException();
            };
          }
        };
    List<Path> files = List.of(dataset, first);
    assertThrows(
        CancellationException.class,
        () -> TokenFiles.open(files, TextFiles.plain(), tokenizer, TOKENIZER, ends).close());
  }

  /** Returns the number of ids of a text; run in a separate class loader. */
  public static final class SizeOfText implements Callable<Long> {
    @Override
    public Long call() throws IOException {
      Path text = Files.createTempFile("text", ".txt");
      Files.writeString(text, "a b c");
      try (TokenFiles data =
          TokenFiles.open(
              List.of(text),
              TextFiles.plain(),
              Tokenizer.load(TOKENIZER),
              TOKENIZER,
              Listener.NONE)) {
        return data.size();
      } finally {
        Files.delete(text);
      }
    }
  }

  @Test
  void textsNeedNoArrow() throws Exception {
    List<URL> withoutArrow = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      if (!entry.contains("arrow") && !entry.contains("flatbuffers")) {
        withoutArrow.add(Path.of(entry).toUri().toURL());
      }
    }
    ClassLoader platform = ClassLoader.getPlatformClassLoader();
    try (var loader = new URLClassLoader(withoutArrow.toArray(URL[]::new), platform)) {
      assertThrows(
          ClassNotFoundException.class, () -> loader.loadClass("org.apache.arrow.flatbuf.Schema"));
      Class<?> size = loader.loadClass(SizeOfText.class.getName());
      Object ids = ((Callable<?>) size.getConstructor().newInstance()).call();
      assertEquals(new SizeOfText().call(), ids);
    }
  }
}
