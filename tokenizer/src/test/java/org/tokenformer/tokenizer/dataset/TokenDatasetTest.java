package org.tokenformer.tokenizer.dataset;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenDatasetTest {
  @TempDir private Path folder;

  /** Reads files that pyarrow and HF datasets wrote. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "file-list-int32",
        "file-list-int64",
        "file-large-list-int32",
        "file-large-list-int64",
        "stream-list-int32",
        "stream-list-int64",
        "stream-large-list-int32",
        "stream-large-list-int64",
        "stream-v4",
        "file-many-columns",
        "stream-many-columns",
        "stream-huggingface"
      })
  void readsWhatOthersWrite(String name) throws IOException {
    Path file = Datasets.fixture(name + ".arrow");
    assertTrue(TokenDataset.isDataset(file));
    try (TokenDataset dataset = TokenDataset.open(file)) {
      int[] expected = Datasets.joined(Datasets.ROWS);
      assertEquals(Datasets.ROWS.size(), dataset.rows());
      assertEquals(expected.length, dataset.size());
      assertArrayEquals(expected, Datasets.ids(dataset));
      assertEquals(Optional.empty(), dataset.tokenizer());
      readsAnywhere(dataset, expected);
      dataset.requireIdsBelow(4096);
      DatasetException e =
          assertThrows(DatasetException.class, () -> dataset.requireIdsBelow(4095));
      assertEquals(
          file
              + ": id 4095 at position 2 (row 0) is not in the vocabulary (0 to 4094); prepare the"
              + " dataset with the model's tokenizer",
          e.getMessage());
      e = assertThrows(DatasetException.class, () -> dataset.requireIdsBelow(7));
      assertTrue(String.valueOf(e.getMessage()).contains("id 4095 at position 2 (row 0)"));
    }
  }

  private static void readsAnywhere(TokenDataset dataset, int[] expected) {
    Random random = DatasetWriterTest.seeded();
    for (int i = 0; i < 200; i++) {
      int from = random.nextInt(expected.length + 1);
      int count = random.nextInt(expected.length - from + 1);
      int offset = random.nextInt(4);
      int[] to = new int[offset + count + 2];
      Arrays.fill(to, -7);
      dataset.read(from, to, offset, count);
      int[] wanted = to.clone();
      Arrays.fill(wanted, -7);
      System.arraycopy(expected, from, wanted, offset, count);
      assertArrayEquals(wanted, to);
    }
    int[] to = new int[5];
    long size = dataset.size();
    assertThrows(IndexOutOfBoundsException.class, () -> dataset.read(size - 1, to, 0, 2));
    assertThrows(IndexOutOfBoundsException.class, () -> dataset.read(-1, to, 0, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> dataset.read(0, to, 4, 2));
    assertThrows(IndexOutOfBoundsException.class, () -> dataset.read(0, to, 0, -1));
  }

  @Test
  void namesTheFirstIdOutsideTheVocabularyWithItsRow() throws IOException {
    Random random = DatasetWriterTest.seeded();
    Path file = folder.resolve("data.arrow");
    int[] large = random.ints(10_000, 0, 100).toArray();
    for (int bad : new int[] {100, -1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
      int at = random.nextInt(large.length);
      int[] rows = large.clone();
      rows[at] = bad;
      rows[large.length - 1] = bad;
      Datasets.write(
          file, List.of(new int[] {1}, new int[0], new int[] {2, 3}, rows), 4000, random);
      try (TokenDataset dataset = TokenDataset.open(file)) {
        DatasetException e =
            assertThrows(DatasetException.class, () -> dataset.requireIdsBelow(100));
        String expected =
            "id %d at position %d (row 3) is not in the vocabulary (0 to 99)"
                .formatted(bad, 3 + at);
        assertTrue(String.valueOf(e.getMessage()).contains(expected), e::getMessage);
      }
    }
  }

  @Test
  void idsOf64BitsHaveToFit32() throws IOException {
    Path file = Datasets.fixture("wide-id.arrow");
    try (TokenDataset dataset = TokenDataset.open(file)) {
      int[] to = new int[5];
      dataset.read(0, to, 0, 4);
      assertArrayEquals(new int[] {1, 2, 3, 4, 0}, to);
      String expected = file + ": id 4294967296 at position 4 (row 3) ";
      UncheckedIOException e =
          assertThrows(UncheckedIOException.class, () -> dataset.read(2, to, 0, 3));
      assertEquals(
          expected + "does not fit int32", Objects.requireNonNull(e.getCause()).getMessage());
      DatasetException id =
          assertThrows(DatasetException.class, () -> dataset.requireIdsBelow(Integer.MAX_VALUE));
      assertTrue(
          String.valueOf(id.getMessage()).startsWith(expected + "is not in the vocabulary (0 to "));
    }
  }

  @Test
  void aDatasetMayBeEmpty() throws IOException {
    try (TokenDataset dataset = TokenDataset.open(Datasets.fixture("empty.arrow"))) {
      assertEquals(0, dataset.size());
      assertEquals(0, dataset.rows());
      dataset.read(0, new int[0], 0, 0);
      dataset.requireIdsBelow(1);
    }
  }

  @Test
  void listsMayBeginAfterTheFirstId() throws IOException {
    Path file = folder.resolve("data.arrow");
    Datasets.write(file, List.of(new int[] {1, 2, 3}, new int[] {4}), 100, new Random(1));
    byte[] bytes = Files.readAllBytes(file);
    int offsets = find(bytes, new byte[] {0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0});
    bytes[offsets] = 1;
    bytes[offsets + 8] = 3; // the second list is empty
    Files.write(file, bytes);
    try (TokenDataset dataset = TokenDataset.open(file)) {
      assertEquals(2, dataset.rows());
      assertArrayEquals(new int[] {2, 3}, Datasets.ids(dataset));
      DatasetException e = assertThrows(DatasetException.class, () -> dataset.requireIdsBelow(3));
      assertTrue(String.valueOf(e.getMessage()).contains("id 3 at position 1 (row 0)"));
    }
  }

  static int find(byte[] bytes, byte[] wanted) {
    int at = 0;
    while (!Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length)) {
      at++;
    }
    return at;
  }

  @Test
  void severalThreadsMayReadAtOnce() throws IOException {
    Path file = folder.resolve("data.arrow");
    int[] ids = new Random(1).ints(20_000, 0, 5000).toArray();
    Datasets.write(file, List.of(ids), 1000, new Random(1));
    try (TokenDataset dataset = TokenDataset.open(file)) {
      Stream.generate(
              () -> CompletableFuture.supplyAsync(() -> Arrays.equals(ids, Datasets.ids(dataset))))
          .limit(8)
          .toList()
          .forEach(equal -> assertTrue(equal.join()));
    }
  }

  @Test
  void closedMeansClosed() throws IOException {
    TokenDataset dataset = TokenDataset.open(Datasets.fixture("file-list-int32.arrow"));
    dataset.close();
    assertThrows(IllegalStateException.class, () -> Datasets.ids(dataset));
  }

  @Test
  void textsAreNoDatasets() throws IOException {
    Path file = folder.resolve("text");
    for (String text :
        List.of("", "ARROW1", "ARROW1 is the name", "Once", "\u0000\u0000\u0000\u0000")) {
      Files.writeString(file, text, StandardCharsets.UTF_8);
      assertFalse(TokenDataset.isDataset(file), text);
    }
    assertFalse(TokenDataset.isDataset(folder));
    assertFalse(TokenDataset.isDataset(folder.resolve("none")));
  }
}
