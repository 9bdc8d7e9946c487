package org.tokenformer.cli.console;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Utf8InputTest {
  private static final String TEXT = "Größe 世界 🙂\u0000\n";

  @Test
  void readsAllKindsOfCharacters() throws IOException {
    assertEquals(TEXT, of(TEXT.getBytes(UTF_8)).readAll());
    assertEquals("", of(new byte[0]).readAll());
  }

  @Test
  void readsTextLongerThanItsBuffer() throws IOException {
    String text = TEXT.repeat(20_000);
    assertEquals(text, of(text.getBytes(UTF_8)).readAll());
    String line = "世".repeat(100_000);
    Utf8Input input = of((line + "\n" + line).getBytes(UTF_8));
    assertEquals(line, input.readLine());
    assertEquals(line, input.readLine());
    assertNull(input.readLine());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 1 << 16})
  void partsLinesWhateverThePiecesItComesIn(int piece) throws IOException {
    var input = new Utf8Input(new Pieces("a\n\nü\r\nb\rc\nlast".getBytes(UTF_8), piece), "in", 99);
    var lines = new ArrayList<String>();
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      lines.add(line);
    }
    assertEquals(List.of("a", "", "ü", "b\rc", "last"), lines);
  }

  @Test
  void anEndOfLineAtTheEndBeginsNoOtherLine() throws IOException {
    Utf8Input input = of("a\n".getBytes(UTF_8));
    assertEquals("a", input.readLine());
    assertNull(input.readLine());
  }

  @Test
  void namesTheFirstByteThatIsNotUtf8() {
    assertMalformed("in: not UTF-8 at byte 2 (0xFF); convert it to UTF-8 first", "ab", 0xff, 'c');
    assertMalformed("in: not UTF-8 at byte 0 (0xC0); convert it to UTF-8 first", "", 0xc0, 0x80);
    assertMalformed(
        "in: not UTF-8 at byte 1 (0xED); convert it to UTF-8 first", "a", 0xed, 0xa0, 0x80);
    assertMalformed("in: not UTF-8 at byte 3 (0xE4); convert it to UTF-8 first", "ü\n", 0xe4, 0xb8);
  }

  @Test
  void refusesMoreThanTheLimit() throws IOException {
    assertEquals("abc", new Utf8Input(new Pieces("abc".getBytes(UTF_8), 2), "in", 3).readAll());
    var all = new Utf8Input(new Pieces("abcd".getBytes(UTF_8), 2), "in", 3);
    assertEquals(
        "in: the input that starts at byte 0 is longer than the limit of 3 bytes",
        assertThrows(UserError.class, all::readAll).getMessage());
    var lines = new Utf8Input(new Pieces("abc\nabcd\n".getBytes(UTF_8), 2), "in", 3);
    assertEquals("abc", lines.readLine());
    assertEquals(
        "in: the line that starts at byte 4 is longer than the limit of 3 bytes",
        assertThrows(UserError.class, lines::readLine).getMessage());
  }

  private static void assertMalformed(String message, String before, int... bytes) {
    var all = new ByteArrayOutputStream();
    all.writeBytes(before.getBytes(UTF_8));
    for (int b : bytes) {
      all.write(b);
    }
    Utf8Input whole = of(all.toByteArray());
    assertEquals(message, assertThrows(UserError.class, whole::readAll).getMessage());
    Utf8Input lines = of(all.toByteArray());
    assertEquals(message, assertThrows(UserError.class, () -> drain(lines)).getMessage());
  }

  private static void drain(Utf8Input lines) throws IOException {
    String line;
    do {
      line = lines.readLine();
    } while (line != null);
  }

  private static Utf8Input of(byte[] bytes) {
    return new Utf8Input(new ByteArrayInputStream(bytes), "in", 1 << 20);
  }

  /** A stream that, as pipes do, hands out less than it is asked for. */
  private static final class Pieces extends InputStream {
    private final InputStream in;
    private final int piece;

    Pieces(byte[] bytes, int piece) {
      this.in = new ByteArrayInputStream(bytes);
      this.piece = piece;
    }

    @Override
    public int read() throws IOException {
      return in.read();
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
      return in.read(into, from, Math.min(length, piece));
    }
  }
}
