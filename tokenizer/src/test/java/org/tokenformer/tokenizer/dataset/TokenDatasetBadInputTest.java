package org.tokenformer.tokenizer.dataset;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenDatasetBadInputTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          type-int32           | column input_ids is int32; it must be a list or large_list of int32 or int64
          type-string          | column input_ids is string;
          type-list-uint32     | column input_ids is list<uint32>;
          type-list-int16      | column input_ids is list<int16>;
          type-list-float      | column input_ids is list<floating_point>;
          type-list-list       | column input_ids is list<list<int32>>;
          type-fixed-list      | column input_ids is fixed_size_list<int32>;
          type-list-view       | column input_ids is list_view<int32>;
          type-list-dictionary | column input_ids is list<dictionary<int32>>;
          type-dictionary      | column input_ids is dictionary<int64>;
          other-columns        | has no column input_ids, only text, labels
          compressed-lz4       | its buffers are compressed, so it cannot be memory-mapped; write it uncompressed
          compressed-zstd      | its buffers are compressed, so it cannot be memory-mapped; write it uncompressed
          null-row             | has null rows in the record batch that begins with row 2; remove them
          null-id              | has null ids in the record batch that begins with row 0; remove them
          """)
  void namesWhatItDoesNotRead(String name, String message) {
    Datasets.assertRefused(Datasets.fixture(name + ".arrow"), message);
  }

  @Test
  void whatIsNoArrowFile() throws IOException {
    Datasets.assertRefused(new byte[0], "is empty;", "'tokenformer prepare'");
    byte[] text = "Once upon a time".getBytes(StandardCharsets.UTF_8);
    Datasets.assertRefused(text, "is not an Arrow IPC file or stream;");
    Datasets.assertRefused(new byte[] {-1, -1}, "is not an Arrow IPC");
    Datasets.assertRefused(folder, "is not a regular file");
    assertThrows(
        NoSuchFileException.class, () -> TokenDataset.open(folder.resolve("none")).close());
  }

  @Test
  void aFileTruncatedAnywhereIsRefused() throws IOException {
    byte[] whole = Files.readAllBytes(Datasets.fixture("file-list-int32.arrow"));
    for (int length = 8; length < whole.length; length++) {
      byte[] file = Arrays.copyOf(whole, length);
      Datasets.assertRefused(file, "is truncated: an Arrow IPC file must end with ARROW1");
    }
  }

  /** The format allows a stream to end between two messages. */
  @Test
  void aStreamTruncatedWithinAMessageIsRefused() throws IOException {
    byte[] whole = Files.readAllBytes(Datasets.fixture("stream-list-int32.arrow"));
    TreeSet<Long> sizes = new TreeSet<>();
    int opened = 0;
    for (int length = 8; length < whole.length; length++) {
      byte[] file = Arrays.copyOf(whole, length);
      try (TokenDataset dataset = Datasets.of(file)) {
        sizes.add(dataset.size());
        opened++;
      } catch (DatasetException e) {
        assertTrue(String.valueOf(e.getMessage()).contains("is truncated: "), e::getMessage);
      }
    }
    assertEquals(List.of(0L, 4L, 325L), List.copyOf(sizes));
    assertEquals(4, opened, "after the schema, and after each of three batches");
  }

  @Test
  void streamsCannotBeConcatenatedAsFiles() throws IOException {
    byte[] one = Files.readAllBytes(Datasets.fixture("stream-list-int32.arrow"));
    byte[] two = Arrays.copyOf(one, 2 * one.length);
    System.arraycopy(one, 0, two, one.length, one.length);
    Datasets.assertRefused(
        two, one.length + " bytes follow the end of the stream; write concatenated streams as");
  }

  @Test
  void theBuilderOfTheseTestsBuildsADataset() throws IOException {
    try (TokenDataset dataset = Datasets.of(new StreamBuilder().build())) {
      assertEquals(2, dataset.rows());
      assertArrayEquals(new int[] {10, 11, 12}, Datasets.ids(dataset));
    }
  }

  @Test
  void wrongMetadataIsRefused() throws IOException {
    refused(b -> b.endianness = Endianness.Big, "its numbers are big-endian");
    refused(
        b -> b.version = MetadataVersion.V3, "its Arrow metadata has version V3; only V4 and V5");
    refused(b -> b.version = -7, "its Arrow metadata has version V-6");
    refused(b -> b.version = MetadataVersion.V4, null);
    refused(b -> b.firstType = MessageHeader.RecordBatch, "must begin with a schema");
    refused(b -> b.batchType = MessageHeader.Schema, "message 1 is neither a record batch nor");
    refused(b -> b.batchType = MessageHeader.Tensor, "has type 4");
    refused(b -> b.children = 2, "column input_ids is list;");
    refused(b -> b.children = 0, "column input_ids is list;");
    refused(b -> b.depth = 60, "column input_ids is list<list<list<list<list>>>>;");
    refused(b -> b.itemType = 120, "column input_ids is list<type number 120>;");
    refused(b -> b.itemType = 0, "column input_ids is list<type number 0>;");
    for (int length : new int[] {-2, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
      refused(b -> b.metadataLength = length, "has metadata of " + length + " bytes");
    }
    refused(
        b -> b.metadataLength = 1 << 20, "the first message needs 1048576 more bytes, but only");
    refused(b -> b.metadataLength = 4, "its Arrow metadata is damaged");
  }

  @Test
  void wrongNumbersOfABatchAreRefused() throws IOException {
    String damaged = "is damaged: the record batch that begins with row 0 has ";
    for (long rows : new long[] {-1, 1, 3, Long.MIN_VALUE, Long.MAX_VALUE}) {
      refused(b -> b.rows = rows, damaged + rows + " rows, 2 lists of 3 ids");
    }
    String lists = damaged + "lists that are outside its ids";
    for (long rows : new long[] {3, 1L << 31, Long.MAX_VALUE}) {
      refused(
          b -> {
            b.rows = rows;
            b.nodes[0] = rows;
          },
          lists);
    }
    refused(b -> b.nodes[1] = 1, "has null rows");
    refused(b -> b.nodes[1] = -1, "has null rows");
    refused(b -> b.nodes[3] = Long.MIN_VALUE, "has null ids");
    refused(b -> b.nodes[2] = -1, damaged + "2 rows, 2 lists of -1 ids");
    for (long ids : new long[] {2, 4, 1L << 62, Long.MAX_VALUE}) {
      refused(b -> b.nodes[2] = ids, lists);
    }
    refused(b -> b.nodes = new long[] {2, 0}, damaged + "fewer nodes or buffers than");
    refused(b -> b.buffers = new long[] {0, 0, 0, 12, 16, 0}, damaged + "fewer nodes or buffers");
    for (long at : new long[] {-1, 21, 33, Long.MAX_VALUE, Long.MIN_VALUE}) {
      refused(
          b -> b.buffers[6] = at,
          damaged + "a buffer of 12 bytes at offset " + at + " in a body of 32");
      refused(
          b -> b.buffers[2] = at,
          damaged + "a buffer of 12 bytes at offset " + at + " in a body of 32");
    }
    for (long length : new long[] {-1, 17, Long.MAX_VALUE, Long.MIN_VALUE}) {
      refused(
          b -> b.buffers[7] = length,
          damaged + "a buffer of " + length + " bytes at offset 16 in a body of 32");
    }
    refused(b -> b.buffers[7] = 8, lists);
    refused(b -> b.buffers[3] = 8, lists);
    for (int[] offsets : new int[][] {{1, 0, 3}, {0, 3, 2}, {-1, 1, 3}, {0, 1, 4}, {0, -1, 3}}) {
      refused(b -> b.offsets = offsets, lists);
    }
    refused(b -> b.bodyLength = -1, "message 1 has a body of -1 bytes");
    for (long length : new long[] {33, Long.MAX_VALUE}) {
      refused(
          b -> b.bodyLength = length,
          "message 1 needs " + length + " more bytes, but only 32 are left");
    }
    refused(b -> b.buffers[1] = 5, null); // validity is ignored without nulls
    refused(b -> b.buffers[0] = -5, null);
  }

  /** Checks the message; a null message means that the dataset can be opened. */
  private void refused(Consumer<StreamBuilder> change, @Nullable String message)
      throws IOException {
    StreamBuilder builder = new StreamBuilder();
    change.accept(builder);
    byte[] file = builder.build();
    if (message != null) {
      Datasets.assertRefused(file, message);
    } else {
      Datasets.of(file).close();
    }
  }

  @Test
  void aWrongFooterIsRefused() throws IOException {
    byte[] whole = Files.readAllBytes(Datasets.fixture("file-list-int32.arrow"));
    int lengthAt = whole.length - 10;
    for (int length : new int[] {0, -1, Integer.MIN_VALUE, Integer.MAX_VALUE, whole.length - 17}) {
      byte[] file = changed(whole, lengthAt, length);
      Datasets.assertRefused(
          file, "is damaged: its footer length is " + length + " in a file of " + whole.length);
    }
    int footerAt =
        lengthAt - ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getInt(lengthAt);
    for (int at = footerAt; at < lengthAt; at += 4) { // each number in it
      for (int value : new int[] {-1, 1, 0x7FFFFFFF, 0x7FFFFFF0}) {
        opensOrIsRefused(changed(whole, at, value));
      }
    }
  }

  private static byte[] changed(byte[] bytes, int at, int value) {
    byte[] copy = bytes.clone();
    ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
    return copy;
  }

  /** Damaged files are refused, unless the damage is in bytes that are not read. */
  @Test
  void randomDamageDoesNoHarm() throws IOException {
    Random random = DatasetWriterTest.seeded();
    for (String name :
        List.of("file-many-columns", "stream-many-columns", "file-list-int64", "stream-v4")) {
      byte[] whole = Files.readAllBytes(Datasets.fixture(name + ".arrow"));
      for (int round = 0; round < 1500; round++) {
        byte[] bytes = whole.clone();
        for (int i = random.nextInt(4); i >= 0; i--) {
          int at = 8 + random.nextInt(bytes.length - 8);
          bytes[at] =
              random.nextBoolean() ? (byte) random.nextInt() : (byte) (0xFF * random.nextInt(2));
        }
        opensOrIsRefused(bytes);
      }
    }
  }

  private static void opensOrIsRefused(byte[] file) throws IOException {
    try (TokenDataset dataset = Datasets.of(file)) {
      assertTrue(dataset.size() < 10_000);
      int[] ids = Datasets.ids(dataset);
      assertEquals(dataset.size(), ids.length);
      dataset.requireIdsBelow(5000);
    } catch (DatasetException e) {
      assertTrue(String.valueOf(e.getMessage()).startsWith("memory: "), e::getMessage);
    } catch (UncheckedIOException e) {
      assertTrue(e.getCause() instanceof DatasetException);
    }
  }
}
