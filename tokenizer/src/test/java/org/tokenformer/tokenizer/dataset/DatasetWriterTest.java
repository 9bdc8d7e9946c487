package org.tokenformer.tokenizer.dataset;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DatasetWriterTest {
  @TempDir private Path folder;

  @Test
  void whatIsWrittenIsReadWhateverTheLengthsOfRowsAndBatches() throws IOException {
    Random random = seeded();
    Path file = folder.resolve("data.arrow");
    for (int round = 0; round < 200; round++) {
      int batchIds = 1 + random.nextInt(100);
      List<int[]> rows = new ArrayList<>();
      for (int i = random.nextInt(40); i > 0; i--) {
        int longest = random.nextInt(8) == 0 ? 5 * batchIds : 20;
        rows.add(random.ints(random.nextInt(longest), 0, 5000).toArray());
      }
      Datasets.write(file, rows, batchIds, random);
      try (TokenDataset dataset = TokenDataset.open(file)) {
        assertEquals(rows.size(), dataset.rows());
        assertArrayEquals(Datasets.joined(rows), Datasets.ids(dataset));
        assertEquals(Optional.of(Datasets.FINGERPRINT), dataset.tokenizer());
      }
    }
  }

  @Test
  void aFileIsAlsoAStreamAfterItsMagic() throws IOException {
    Random random = seeded();
    Path file = folder.resolve("data.arrow");
    Datasets.write(file, Datasets.ROWS, 16, random);
    byte[] bytes = Files.readAllBytes(file);
    int footerLength =
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(bytes.length - 10);
    byte[] stream = Arrays.copyOfRange(bytes, 8, bytes.length - 10 - footerLength);
    Path other = Files.write(folder.resolve("stream.arrow"), stream);
    try (TokenDataset dataset = TokenDataset.open(other)) {
      assertArrayEquals(Datasets.joined(Datasets.ROWS), Datasets.ids(dataset));
    }
  }

  @Test
  void buffersAreAligned() throws IOException {
    Path file = folder.resolve("data.arrow");
    Datasets.write(file, List.of(new int[] {1, 2, 3}, new int[300]), 64, seeded());
    byte[] bytes = Files.readAllBytes(file);
    int found = 0;
    for (int i = 64; i < bytes.length - 8; i += 64) {
      boolean ids = bytes[i] == 1 && bytes[i + 4] == 2 && bytes[i + 8] == 3;
      found += ids ? 1 : 0;
    }
    assertEquals(1, found, "the ids of the first row begin at a multiple of 64 bytes");
  }

  @Test
  void theFileAppearsWhenItIsFinishedAndNotBefore() throws IOException {
    Path file = Files.writeString(folder.resolve("data.arrow"), "mine");
    try (DatasetWriter writer = DatasetWriter.create(file, Datasets.FINGERPRINT)) {
      writer.append(new int[] {1, 2}, 0, 2);
      assertThrows(IllegalStateException.class, writer::finish, "the row has not ended");
      writer.endRow();
    }
    assertEquals("mine", Files.readString(file));
    assertEquals(List.of("data.arrow"), content());
    try (DatasetWriter writer = DatasetWriter.create(file, Datasets.FINGERPRINT)) {
      writer.append(new int[] {1, 2}, 0, 2);
      writer.endRow();
      assertEquals("mine", Files.readString(file));
      writer.finish();
    }
    assertEquals(List.of("data.arrow"), content());
    try (TokenDataset dataset = TokenDataset.open(file)) {
      assertEquals(2, dataset.size());
    }
  }

  @Test
  void saysWhyAFileCannotBeWritten() throws IOException {
    cannotWrite(folder.resolve("none/data.arrow"), "its folder does not exist");
    cannotWrite(folder, "it is a folder");
    Path readOnly = Files.createDirectory(folder.resolve("read-only"));
    assertTrue(readOnly.toFile().setWritable(false));
    if (!Files.isWritable(readOnly)) { // root may write anywhere
      cannotWrite(readOnly.resolve("data.arrow"), "permission denied");
    }
    assertTrue(readOnly.toFile().setWritable(true));
  }

  private static void cannotWrite(Path file, String reason) {
    DatasetException e =
        assertThrows(
            DatasetException.class, () -> DatasetWriter.create(file, Datasets.FINGERPRINT).close());
    assertEquals(file + ": cannot write: " + reason, e.getMessage());
  }

  @Test
  void aFingerprintIsChecked() {
    String sha256 = Datasets.FINGERPRINT.sha256();
    assertThrows(IllegalArgumentException.class, () -> new TokenizerFingerprint(0, sha256));
    assertThrows(
        IllegalArgumentException.class, () -> new TokenizerFingerprint(1, sha256.substring(1)));
    assertThrows(
        IllegalArgumentException.class, () -> new TokenizerFingerprint(1, "0F".repeat(32)));
  }

  private List<String> content() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }

  static Random seeded() {
    long seed = Long.getLong("tokenformer.seed", System.nanoTime() & 0xFFFFFF);
    System.out.println("-Dtokenformer.seed=" + seed);
    return new Random(seed);
  }
}
