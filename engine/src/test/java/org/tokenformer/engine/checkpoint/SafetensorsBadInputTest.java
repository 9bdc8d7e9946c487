package org.tokenformer.engine.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/** Each way in which a header can be wrong; 8 bytes of data unless a test says otherwise. */
class SafetensorsBadInputTest {
  @TempDir Path folder;

  private static String tensor(String name, String dtype, String shape, String offsets) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}"
        .formatted(name, dtype, shape, offsets);
  }

  private void refuses(Kind kind, byte[] bytes, String... parts) throws IOException {
    Path path = Files.write(folder.resolve("bad.safetensors"), bytes);
    for (LoadMode mode : LoadMode.values()) {
      Fixtures.refuses(kind, () -> SafetensorsFile.open(path, mode).close(), parts);
      Fixtures.refuses(kind, () -> SafetensorsFile.open(path, mode).close(), "bad.safetensors: ");
    }
  }

  private void refuses(Kind kind, String header, String... parts) throws IOException {
    refuses(kind, Fixtures.safetensors(header, 8), parts);
  }

  private static byte[] withLength(long length) {
    ByteBuffer bytes = ByteBuffer.allocate(10).order(ByteOrder.LITTLE_ENDIAN);
    return bytes.putLong(length).put((byte) '{').put((byte) '}').array();
  }

  @Test
  void truncatedHeader() throws IOException {
    refuses(Kind.NOT_A_CHECKPOINT, new byte[0], "is empty (0 bytes)");
    refuses(Kind.TRUNCATED_HEADER, new byte[] {1, 0, 0, 0, 0, 0, 0}, "7 bytes");
    refuses(Kind.TRUNCATED_HEADER, withLength(3), "3", "2 bytes follow");
    refuses(Kind.TRUNCATED_HEADER, withLength(100_000_000), "100000000");
  }

  @Test
  void headerTooLarge() throws IOException {
    refuses(Kind.HEADER_TOO_LARGE, withLength(100_000_001), "100000001", "100000000");
    refuses(Kind.HEADER_TOO_LARGE, withLength(-1), "18446744073709551615");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        " {}",
        "{",
        "{\"a\":",
        "{\"a\":}",
        "{}}",
        "{} {}",
        "{}\0",
        "{'a':1}",
        "{\"a\" 1}",
        "{\"__metadata__\":{\"a\":\"b\",}}",
        "{,}"
      })
  void badJson(String header) throws IOException {
    refuses(Kind.BAD_JSON, header, "header");
  }

  @Test
  void emptyHeader() throws IOException {
    refuses(Kind.BAD_JSON, withLength(0), "'{'");
  }

  @Test
  void headerThatIsNotUtf8() throws IOException {
    byte[] bytes = Fixtures.safetensors("{\"a\":{}}", 0);
    bytes[10] = (byte) 0xff;
    refuses(Kind.BAD_JSON, bytes, "UTF-8");
  }

  @Test
  void deepNesting() throws IOException {
    String deep = "[".repeat(100_000);
    refuses(Kind.BAD_FIELD, "{\"a\":" + deep, "'a'");
    refuses(Kind.BAD_FIELD, "{\"a\":{\"shape\":" + deep, "'a'");
  }

  @Test
  void duplicates() throws IOException {
    String a = tensor("a", "U8", "[8]", "[0,8]");
    refuses(Kind.DUPLICATE_NAME, "{" + a + "," + a + "}", "header has 'a' twice");
    refuses(
        Kind.DUPLICATE_NAME,
        "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[8],\"data_offsets\":[0,8]}}",
        "'a'",
        "'dtype' twice");
    refuses(
        Kind.DUPLICATE_NAME, "{\"__metadata__\":{\"x\":\"1\",\"x\":\"1\"}," + a + "}", "'x' twice");
  }

  @Test
  void badNames() throws IOException {
    String longName = "n".repeat(4097);
    refuses(Kind.BAD_NAME, "{" + tensor(longName, "U8", "[8]", "[0,8]") + "}", "4097", "4096");
    // An unpaired surrogate is not valid text.
    refuses(Kind.BAD_JSON, "{" + tensor("\\ud800", "U8", "[8]", "[0,8]") + "}", "column 10");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"a\":3}",
        "{\"a\":null}",
        "{\"a\":{\"shape\":[8],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[8]}}",
        "{\"a\":{\"dtype\":8,\"shape\":[8],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":8,\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[\"8\"],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,null]}}"
      })
  void badFields(String header) throws IOException {
    refuses(Kind.BAD_FIELD, header, "'a'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"3", "{\"a\":3}", "{\"a\":null}", "[]"})
  void badMetadata(String metadata) throws IOException {
    refuses(Kind.BAD_FIELD, "{\"__metadata__\":" + metadata + "}", "'__metadata__'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"F8_E4M3", "U64", "f32", "", "F32\\n"})
  void unknownDtype(String dtype) throws IOException {
    String shown = "'" + dtype.replace("\\n", "\\u000a") + "'";
    refuses(Kind.UNKNOWN_DTYPE, "{" + tensor("a", dtype, "[2]", "[0,8]") + "}", "'a'", shown);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[-1]",
        "[2.0]",
        "[2.5]",
        "[2e0]",
        "[-0]",
        "[9223372036854775808]",
        "[99999999999999999999999999]",
        "[4294967296,4294967296]"
      })
  void badShape(String shape) throws IOException {
    refuses(Kind.BAD_SHAPE, "{" + tensor("a", "F32", shape, "[0,8]") + "}", "'a'");
  }

  @Test
  void tooManyDimensions() throws IOException {
    String shape = "[1" + ",1".repeat(64) + "]";
    refuses(Kind.LIMIT, "{" + tensor("a", "U8", shape, "[0,1]") + "}", "'a'", "64");
  }

  @Test
  void tooManyTensors() throws IOException {
    StringBuilder header = new StringBuilder("{");
    for (int i = 0; i <= TensorLimits.MAX_TENSORS; i++) {
      header.append(i == 0 ? "" : ",").append('"').append(i);
      header.append("\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}");
    }
    byte[] bytes = Fixtures.safetensors(header.append('}').toString(), 0);
    Path path = Files.write(folder.resolve("bad.safetensors"), bytes);
    Fixtures.refuses(Kind.LIMIT, () -> SafetensorsFile.open(path).close(), "100000");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[-8,0]",
        "[0,8.0]",
        "[0,8.5]",
        "[8,0]",
        "[0]",
        "[]",
        "[0,4,8]",
        "[0,9223372036854775808]",
        "[18446744073709551608,8]"
      })
  void badOffsets(String offsets) throws IOException {
    refuses(Kind.BAD_OFFSETS, "{" + tensor("a", "F32", "[2]", offsets) + "}", "'a'");
  }

  @ParameterizedTest
  @CsvSource({
    "F32, '[3]', 12",
    "F16, '[2]', 4",
    "F32, '[0]', 0",
    "F64, '[]', 8",
    "F64, '[2,600000000000000000]', more than 2^63"
  })
  void sizeMismatch(String dtype, String shape, String bytes) throws IOException {
    String offsets = dtype.equals("F64") ? "[0,4]" : "[0,8]";
    refuses(
        Kind.SIZE_MISMATCH, "{" + tensor("a", dtype, shape, offsets) + "}", "'a'", bytes, dtype);
  }

  @Test
  void overlap() throws IOException {
    String a = tensor("a", "U8", "[5]", "[0,5]");
    String b = tensor("b", "U8", "[4]", "[4,8]");
    refuses(Kind.OVERLAP, "{" + a + "," + b + "}", "'b'", "4", "'a'", "5");
    // The same bytes twice, which could make a small file look large.
    String c = tensor("c", "U8", "[8]", "[0,8]");
    String d = tensor("d", "U8", "[8]", "[0,8]");
    refuses(Kind.OVERLAP, "{" + c + "," + d + "}", "'d'", "'c'");
  }

  @Test
  void hole() throws IOException {
    String a = tensor("a", "U8", "[3]", "[0,3]");
    String b = tensor("b", "U8", "[4]", "[4,8]");
    refuses(Kind.HOLE, "{" + a + "," + b + "}", "'b'", "4", "'a'", "3");
    refuses(Kind.HOLE, "{" + b + "}", "'b'", "4", "header", "0");
  }

  @Test
  void outOfBounds() throws IOException {
    refuses(Kind.OUT_OF_BOUNDS, "{" + tensor("a", "U8", "[9]", "[0,9]") + "}", "'a'", "9", "8");
    String huge = "999999999999999999";
    refuses(
        Kind.OUT_OF_BOUNDS,
        "{" + tensor("a", "U8", "[" + huge + "]", "[0," + huge + "]") + "}",
        "'a'",
        huge,
        "8");
  }

  @Test
  void trailingBytes() throws IOException {
    refuses(Kind.TRAILING_BYTES, "{" + tensor("a", "U8", "[7]", "[0,7]") + "}", "7", "8");
    refuses(Kind.TRAILING_BYTES, "{}", "0", "8");
  }

  @Test
  void messagesStayOneLineWhateverTheNameIs() throws IOException {
    String name = "evil\\n\\u001b[2J\\u202e" + "x".repeat(500);
    String header = "{" + tensor(name, "U8", "[9]", "[0,9]") + "}";
    refuses(Kind.OUT_OF_BOUNDS, header, "'evil\\u000a\\u001b[2J\\u202exxx", "…'");
    refuses(Kind.BAD_JSON, "{" + tensor(name, "U8", "[9]", "[0,9]") + "x}", "line 1 column");
    byte[] pdf = "%PDF-1.7 and so on".getBytes(StandardCharsets.US_ASCII);
    refuses(Kind.NOT_A_CHECKPOINT, pdf, "is a PDF document");
    byte[] text = "Plain text and so on".getBytes(StandardCharsets.US_ASCII);
    refuses(Kind.HEADER_TOO_LARGE, text, "not a safetensors file");
  }
}
