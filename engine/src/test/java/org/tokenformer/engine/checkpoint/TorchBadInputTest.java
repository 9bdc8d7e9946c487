package org.tokenformer.engine.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/** Inconsistent archives, and pickles that describe impossible tensors. */
class TorchBadInputTest {
  @TempDir Path folder;

  /** Returns archive entries with twelve bytes of storage under the key 0. */
  private static Map<String, byte[]> entries(String pickle) {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put("archive/data.pkl", pickle.getBytes(StandardCharsets.ISO_8859_1));
    entries.put("archive/byteorder", "little".getBytes(StandardCharsets.US_ASCII));
    entries.put("archive/data/0", new byte[] {0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0});
    return entries;
  }

  /** Returns a pickle of one float32 tensor; the arguments are pickled, see {@link #tuple}. */
  private static String tensor(String elements, String offset, String sizes, String strides) {
    return "\u0080\u0002}X\1\0\0\0xctorch._utils\n_rebuild_tensor_v2\n(("
        + "X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
        + "0X\3\0\0\0cpu"
        + elements
        + "tQ"
        + offset
        + sizes
        + strides
        + "\u0089ccollections\nOrderedDict\n)RtRs.";
  }

  private static String tuple(long... values) {
    StringBuilder text = new StringBuilder("(");
    for (long value : values) {
      text.append(number(value));
    }
    return text.append('t').toString();
  }

  private static String number(long value) {
    byte[] bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    return "\u008a\b" + new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static final String GOOD = tensor(number(3), number(0), tuple(3), tuple(1));

  private static byte[] zip(Map<String, byte[]> entries, long zip64From) throws IOException {
    return Fixtures.bytesOf(out -> {
      ZipWriter zip = new ZipWriter(out, zip64From);
      for (Map.Entry<String, byte[]> e : entries.entrySet()) {
        zip.add(e.getKey(), MemorySegment.ofArray(e.getValue()));
      }
      zip.finish();
    });
  }

  private static byte[] zip(Map<String, byte[]> entries) throws IOException {
    return zip(entries, 0xffffffffL);
  }

  private void refuses(Kind kind, byte[] bytes, String... parts) throws IOException {
    Path path = Files.write(folder.resolve("bad.bin"), bytes);
    Fixtures.refuses(kind, () -> TorchCheckpoint.open(path).close(), parts);
    Fixtures.refuses(kind, () -> TorchCheckpoint.open(path).close(), "bad.bin: ");
  }

  private void refuses(Kind kind, String pickle, String... parts) throws IOException {
    refuses(kind, zip(entries(pickle)), parts);
  }

  /** Returns the good archive after a change to its bytes. */
  private static byte[] changed(Consumer<ByteBuffer> change) throws IOException {
    return changed(zip(entries(GOOD)), change);
  }

  private static byte[] changed(byte[] bytes, Consumer<ByteBuffer> change) {
    change.accept(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
    return bytes;
  }

  /** Returns the offset of the n-th record of this kind. */
  private static int find(ByteBuffer bytes, int signature, int n) {
    int left = n;
    for (int i = 0; i + 4 <= bytes.capacity(); i++) {
      if (bytes.getInt(i) == signature && left-- == 0) {
        return i;
      }
    }
    throw new AssertionError("no such record");
  }

  private static int directory(ByteBuffer bytes, int n) {
    return find(bytes, ZipArchive.DIRECTORY_SIGNATURE, n);
  }

  private static int local(ByteBuffer bytes, int n) {
    return find(bytes, ZipArchive.LOCAL_SIGNATURE, n);
  }

  private static int end(ByteBuffer bytes) {
    return find(bytes, ZipEnd.SIGNATURE, 0);
  }

  @Test
  void theUnchangedArchiveIsGood() throws IOException {
    for (long zip64From : new long[] {0, 0xffffffffL}) {
      Path path = Files.write(folder.resolve("good.bin"), zip(entries(GOOD), zip64From));
      try (TorchCheckpoint file = TorchCheckpoint.open(path)) {
        assertEquals(12, file.tensor("x").data().byteSize());
      }
    }
  }

  @Test
  void compressedOrEncryptedEntries() throws IOException {
    refuses(
        Kind.COMPRESSED_ENTRY,
        changed(b -> b.putShort(directory(b, 2) + 10, (short) 9)),
        "'archive/data/0'",
        "method 9");
    for (int flag : new int[] {1, 1 << 6, 1 << 13}) {
      refuses(
          Kind.ENCRYPTED_ENTRY,
          changed(b -> b.putShort(directory(b, 1) + 8, (short) flag)),
          "'archive/byteorder'");
    }
  }

  @Test
  void headersThatContradictTheDirectory() throws IOException {
    Kind kind = Kind.HEADER_MISMATCH;
    String name = "'archive/byteorder'";
    refuses(kind, changed(b -> b.putInt(local(b, 1), 0x04034b51)), name, "no header");
    refuses(kind, changed(b -> b.put(local(b, 1) + 30, (byte) 'b')), name, "name");
    refuses(kind, changed(b -> b.putShort(local(b, 1) + 6, (short) 8)), name, "flags");
    refuses(kind, changed(b -> b.putShort(local(b, 1) + 8, (short) 8)), name, "method");
    refuses(kind, changed(b -> b.putInt(local(b, 1) + 14, 0)), name, "00000000");
    refuses(kind, changed(b -> b.putInt(local(b, 1) + 18, 7)), name);
    refuses(kind, changed(b -> b.putInt(local(b, 1) + 22, 7)), name, "7 bytes", "6");
    // With the descriptor flag, a record must follow the data.
    refuses(
        kind,
        changed(b -> {
          b.putShort(local(b, 1) + 6, (short) 0x808);
          b.putShort(directory(b, 1) + 8, (short) 0x808);
        }),
        name,
        "after its data");
  }

  @Test
  void wrongSizes() throws IOException {
    refuses(
        Kind.SIZE_MISMATCH,
        changed(b -> b.putInt(directory(b, 2) + 24, 13)),
        "'archive/data/0'",
        "13",
        "12");
    Consumer<ByteBuffer> beyond =
        b -> b.putInt(directory(b, 2) + 20, 1 << 30).putInt(directory(b, 2) + 24, 1 << 30);
    refuses(Kind.OUT_OF_BOUNDS, changed(beyond), "'archive/data/0'", "1073741824");
    refuses(
        Kind.OUT_OF_BOUNDS,
        changed(b -> b.putInt(directory(b, 2) + 42, 1 << 30)),
        "'archive/data/0'",
        "1073741824");
    refuses(
        Kind.OUT_OF_BOUNDS,
        changed(b -> b.putShort(local(b, 2) + 28, (short) -1)),
        "'archive/data/0'");
  }

  @Test
  void overlappingEntries() throws IOException {
    // The second entry claims bytes of the third, in both headers that give its size.
    byte[] bytes =
        changed(b -> {
          for (int at : new int[] {local(b, 1) + 18, directory(b, 1) + 20}) {
            b.putInt(at, 40).putInt(at + 4, 40);
          }
        });
    refuses(Kind.OVERLAP, bytes, "'archive/data/0'", "'archive/byteorder'");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "archive/../../etc/passwd",
        "../archive/x",
        "/archive/x",
        "archive\\..\\x",
        "C:/archive",
        "archive//x",
        "archive/./x",
        "archive/x\n",
        ""
      })
  void namesThatLeadAstray(String name) throws IOException {
    Map<String, byte[]> entries = entries(GOOD);
    entries.put(name, new byte[1]);
    refuses(Kind.BAD_NAME, zip(entries), CheckpointException.quote(name));
  }

  @Test
  void namesThatAreTooLongOrNoText() throws IOException {
    Map<String, byte[]> entries = entries(GOOD);
    entries.put("archive/" + "x".repeat(1024), new byte[1]);
    refuses(Kind.BAD_NAME, zip(entries), "too long");
    refuses(Kind.BAD_NAME, changed(b -> b.put(directory(b, 2) + 46, (byte) 0xff)), "not UTF-8");
  }

  @Test
  void duplicateEntries() throws IOException {
    byte[] bytes =
        Fixtures.bytesOf(out -> {
          ZipWriter zip = new ZipWriter(out);
          zip.add("archive/data.pkl", MemorySegment.ofArray(new byte[1]));
          zip.add("archive/data.pkl", MemorySegment.ofArray(new byte[1]));
          zip.finish();
        });
    refuses(Kind.DUPLICATE_NAME, bytes, "'archive/data.pkl' twice");
    Map<String, byte[]> entries = entries(GOOD);
    entries.put("other/data.pkl", new byte[1]);
    refuses(Kind.DUPLICATE_NAME, zip(entries), "'archive/data.pkl'", "'other/data.pkl'");
  }

  @Test
  void brokenEndRecords() throws IOException {
    Kind kind = Kind.BAD_ZIP;
    refuses(kind, changed(b -> b.putShort(end(b) + 4, (short) 1)), "disks");
    refuses(kind, changed(b -> b.putShort(end(b) + 8, (short) 4)), "counts");
    refuses(kind, changed(b -> b.putInt(end(b) + 8, 0x00040004)), "no entry 4 of 4");
    refuses(kind, changed(b -> b.putInt(end(b) + 8, 0x00020002)), "after its 2 entries");
    refuses(kind, changed(b -> b.putInt(end(b) + 12, 1)), "1 bytes");
    refuses(kind, changed(b -> b.putInt(end(b) + 16, -1)), "4294967295");
    refuses(kind, changed(b -> b.putShort(directory(b, 2) + 28, (short) -1)), "beyond");
    refuses(kind, changed(b -> b.putInt(directory(b, 2) + 20, -1)), "zip64 sizes");
  }

  @Test
  void brokenZip64EndRecords() throws IOException {
    Kind kind = Kind.BAD_ZIP;
    int record = ZipEnd.ZIP64_SIGNATURE;
    int locator = ZipEnd.LOCATOR_SIGNATURE;
    byte[] good = zip(entries(GOOD), 0);
    refuses(kind, changed(good.clone(), b -> b.putLong(find(b, locator, 0) + 8, -1)), "zip64 end");
    refuses(kind, changed(good.clone(), b -> b.putLong(find(b, locator, 0) + 8, 3)), "zip64 end");
    refuses(kind, changed(good.clone(), b -> b.putLong(find(b, record, 0) + 4, 45)), "zip64 end");
    refuses(kind, changed(good.clone(), b -> b.putLong(find(b, record, 0) + 24, 9)), "counts");
    refuses(kind, changed(good.clone(), b -> b.putLong(find(b, record, 0) + 48, -1)), "184467");
    refuses(kind, changed(good.clone(), b -> b.putShort(end(b) + 8, (short) 1)), "counts");
    refuses(kind, changed(good.clone(), b -> b.putInt(end(b) + 8, 0x00010001)), "differ");
    refuses(kind, changed(good.clone(), b -> b.putInt(end(b) + 12, 7)), "end records differ");
    refuses(kind, changed(good.clone(), b -> b.putInt(end(b) + 16, 7)), "end records differ");
    Consumer<ByteBuffer> many =
        b -> {
          int at = find(b, record, 0);
          b.putLong(at + 24, 1L << 40).putLong(at + 32, 1L << 40);
        };
    refuses(Kind.LIMIT, changed(good.clone(), many), "1099511627776", "1048576");
  }

  @Test
  void checksums() throws IOException {
    refuses(
        Kind.CRC_MISMATCH,
        changed(b -> {
          int at = local(b, 0);
          int data = at + 30 + b.getShort(at + 26) + b.getShort(at + 28);
          b.put(data + 7, (byte) 'y');
        }),
        "'archive/data.pkl'");
    byte[] bytes = changed(b -> b.put(directory(b, 0) - 1, (byte) 9));
    Path path = Files.write(folder.resolve("bad.bin"), bytes);
    try (TorchCheckpoint file = TorchCheckpoint.open(path)) {
      Fixtures.refuses(Kind.CRC_MISMATCH, file::tensors, "'archive/data/0'");
    }
  }

  @Test
  void archivesOfSomethingElse() throws IOException {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put("word/document.xml", new byte[1]);
    entries.put("a/b/data.pkl", new byte[1]);
    entries.put("data.pkl", new byte[1]);
    refuses(Kind.NOT_A_CHECKPOINT, zip(entries), "data.pkl");
  }

  @Test
  void bigEndianData() throws IOException {
    Map<String, byte[]> entries = entries(GOOD);
    entries.put("archive/byteorder", "big".getBytes(StandardCharsets.US_ASCII));
    refuses(Kind.BIG_ENDIAN, zip(entries), "'big'");
  }

  @Test
  void missingStorage() throws IOException {
    Map<String, byte[]> entries = entries(GOOD);
    entries.remove("archive/data/0");
    refuses(Kind.MISSING_ENTRY, zip(entries), "'x'", "'archive/data/0'");
    String escaping = GOOD.replace("X\1\0\0\0" + "0", "X\5\0\0\0../ab");
    refuses(Kind.MISSING_ENTRY, escaping, "'archive/data/../ab'");
  }

  @Test
  void storageOfAnotherSize() throws IOException {
    for (long elements : new long[] {0, 2, 4, 1L << 62}) {
      refuses(
          Kind.SIZE_MISMATCH,
          tensor(number(elements), number(0), tuple(1), tuple(1)),
          "'x'",
          elements + " elements",
          "12 bytes");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 3, 1, 4",
    "3, 1, 1, 4",
    "4, 0, 1, 4",
    "-1, 1, 1, 0",
    "0, 2, 3, 4",
    "9223372036854775807, 0, 1, 9223372036854775807"
  })
  void viewsBeyondTheirStorage(long offset, long size, long stride, String last)
      throws IOException {
    refuses(
        Kind.OUT_OF_BOUNDS,
        tensor(number(3), number(offset), tuple(size), tuple(stride)),
        "'x'",
        "storage of 3",
        last);
  }

  @Test
  void impossibleShapes() throws IOException {
    long big = 1L << 62;
    Kind kind = Kind.BAD_SHAPE;
    refuses(kind, tensor(number(3), number(0), tuple(-1), tuple(1)), "number -1");
    refuses(kind, tensor(number(3), number(0), tuple(3), tuple(-1)), "number -1");
    refuses(kind, tensor(number(3), number(0), "(Nt", tuple(1)), "None");
    refuses(kind, tensor(number(3), number(0), tuple(3, 1), tuple(1)), "2 sizes", "1 strides");
    refuses(kind, tensor(number(3), number(0), tuple(big, 4), tuple(1, 1)), "'x'");
    refuses(kind, tensor(number(3), number(0), tuple(5, 1), tuple(big, 1)), "'x'");
    refuses(kind, tensor(number(3), number(big * 2 - 1), tuple(2), tuple(1)), "'x'");
    long[] deep = new long[65];
    refuses(Kind.LIMIT, tensor(number(3), number(0), tuple(deep), tuple(deep)), "65", "64");
  }

  @Test
  void expandedViews() throws IOException {
    refusesToLoad(
        zip(entries(tensor(number(3), number(0), tuple(1L << 40), tuple(0)))), "'x'", "copies");
    // Each view is harmless, but a thousand of them need 24 times the file.
    int side = 300;
    StringBuilder pickle = new StringBuilder("\u0080\u0002}(");
    String one = tensor(number((long) side * side), number(0), tuple(side, side), tuple(1, side));
    String call = one.substring(one.indexOf('c'), one.length() - 2);
    for (int i = 0; i < 40; i++) {
      pickle.append("X\2\0\0\0").append(i + 10).append(call);
    }
    Map<String, byte[]> entries = entries(pickle.append("u.").toString());
    entries.put("archive/data/0", new byte[4 * side * side]);
    refusesToLoad(zip(entries), "copies");
  }

  private void refusesToLoad(byte[] bytes, String... parts) throws IOException {
    Path path = Files.write(folder.resolve("bad.bin"), bytes);
    try (TorchCheckpoint file = TorchCheckpoint.open(path)) {
      Fixtures.refuses(Kind.LIMIT, file::tensors, parts);
    }
  }

  /** Returns the archive with all entries deflated. */
  private static byte[] deflated(Map<String, byte[]> entries) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      for (Map.Entry<String, byte[]> e : entries.entrySet()) {
        zip.putNextEntry(new ZipEntry(e.getKey()));
        zip.write(e.getValue());
      }
    }
    return bytes.toByteArray();
  }

  @Test
  void deflatedEntries() throws IOException {
    byte[] good = deflated(entries(GOOD));
    Path path = Files.write(folder.resolve("good.bin"), good);
    try (TorchCheckpoint file = TorchCheckpoint.open(path)) {
      byte[] data = Fixtures.toArray(file.tensor("x"));
      assertArrayEquals(entries(GOOD).get("archive/data/0"), data);
    }
    int data = find(ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN), 0x04034b50, 0) + 46;
    refuses(Kind.BAD_ZIP, changed(good.clone(), b -> b.put(data, (byte) 7)), "damaged");
    for (int size : new int[] {5, 7}) {
      Consumer<ByteBuffer> other = b -> b.putInt(directory(b, 1) + 24, size);
      refuses(Kind.HEADER_MISMATCH, changed(good.clone(), other), "'archive/byteorder'");
      Consumer<ByteBuffer> both =
          other.andThen(b -> b.putInt(find(b, ZipArchive.DESCRIPTOR_SIGNATURE, 1) + 12, size));
      refuses(Kind.SIZE_MISMATCH, changed(good.clone(), both), "should have " + size, "inflates");
    }
  }

  /** Ten megabytes in ten kilobytes: neither a claim nor a storage beyond what the model needs. */
  @Test
  void deflateBombs() throws IOException {
    Map<String, byte[]> entries = entries(tensor(number(2_500_000), number(0), tuple(3), tuple(1)));
    entries.put("archive/data/0", new byte[10_000_000]);
    Path path = Files.write(folder.resolve("bomb.bin"), deflated(entries));
    try (TorchCheckpoint file = TorchCheckpoint.open(path)) {
      Fixtures.refuses(Kind.LIMIT, () -> file.load(List.of("x")), "'x'", "60 bytes");
    }
    Map<String, byte[]> pickle = entries(GOOD + "\0".repeat((int) PickleMachine.MAX_BYTES));
    refuses(Kind.LIMIT, deflated(pickle), "'archive/data.pkl'", "33554432");
  }

  @ParameterizedTest
  @CsvSource(
      value = {
        "N.|None",
        "].|a list",
        "K\7.|the number 7",
        "}X\1\0\0\0xN s.|only 'x': None",
        "}X\1\0\0\0x} s.|only 'x': a dict",
        "}K\1N s.|only 1: None",
        "}X\6\0\0\0moduleN s.|layer_*-model_*-model_states.pt",
        "}.|it is empty"
      },
      delimiter = '|')
  void somethingElseThanTensors(String pickle, String part) throws IOException {
    refuses(Kind.BAD_STATE_DICT, "\u0080\u0002" + pickle.replace(" ", ""), part);
  }
}
