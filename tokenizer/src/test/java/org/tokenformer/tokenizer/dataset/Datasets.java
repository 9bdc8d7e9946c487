package org.tokenformer.tokenizer.dataset;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.function.Executable;

/** Datasets for tests, and their content. */
final class Datasets {
  static final TokenizerFingerprint FINGERPRINT = new TokenizerFingerprint(5000, "0f".repeat(32));

  /** The rows of each readable fixture; the same as in {@code make_datasets.py}. */
  static final List<int[]> ROWS =
      List.of(
          new int[] {5, 1, 4095, 0},
          new int[] {},
          new int[] {7, 0},
          IntStream.range(0, 18).map(i -> i < 17 ? 3 : 0).toArray(),
          new int[] {0},
          IntStream.range(1, 301).map(i -> i < 300 ? i : 0).toArray());

  private static final Path ROOT = Path.of(System.getProperty("project.root", ".."));

  /** The name of datasets in memory. */
  static final Path MEMORY = Path.of("memory");

  private Datasets() {}

  static Path fixture(String name) {
    return ROOT.resolve("testdata/dataset").resolve(name);
  }

  static int[] joined(List<int[]> rows) {
    return rows.stream().flatMapToInt(Arrays::stream).toArray();
  }

  /** Writes rows, each in parts of random lengths. */
  static void write(Path file, List<int[]> rows, int batchIds, Random random) throws IOException {
    try (DatasetWriter writer = DatasetWriter.create(file, FINGERPRINT, batchIds)) {
      for (int[] row : rows) {
        int done = 0;
        while (done < row.length) {
          int n = 1 + random.nextInt(row.length - done);
          writer.append(row, done, n);
          done += n;
        }
        writer.endRow();
      }
      assertEquals(rows.size(), writer.rows());
      assertEquals(joined(rows).length, writer.size());
      writer.finish();
    }
  }

  static int[] ids(TokenDataset dataset) {
    int[] ids = new int[(int) dataset.size()];
    dataset.read(0, ids, 0, ids.length);
    return ids;
  }

  /** Opens a dataset in memory; mapping thousands of files would be slow. */
  @SuppressWarnings("MustBeClosedChecker") // the dataset closes it
  static TokenDataset of(byte[] bytes) throws DatasetException {
    return TokenDataset.of(MEMORY, MemorySegment.ofArray(bytes), Arena.ofConfined());
  }

  /** Checks that opening fails with one line that begins with the file and contains all parts. */
  static void assertRefused(byte[] bytes, String... parts) {
    assertRefused(MEMORY, () -> of(bytes).close(), parts);
  }

  static void assertRefused(Path file, String... parts) {
    assertRefused(file, () -> TokenDataset.open(file).close(), parts);
  }

  private static void assertRefused(Path file, Executable open, String... parts) {
    DatasetException e = assertThrows(DatasetException.class, open, file::toString);
    String message = String.valueOf(e.getMessage());
    assertTrue(message.startsWith(file + ": "), message);
    assertFalse(message.contains("\n"), message);
    for (String part : parts) {
      assertTrue(message.contains(part), () -> "'" + part + "' is not in: " + message);
    }
  }
}
