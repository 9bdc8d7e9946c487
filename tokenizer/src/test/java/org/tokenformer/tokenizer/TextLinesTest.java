package org.tokenformer.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.tokenizer.TextLines.Changes;
import org.tokenformer.tokenizer.TextRules.Content;

class TextLinesTest {
  private static final String TEXT = "Größe 世界 🙂\n";

  @TempDir private Path folder;

  private static TextLines of(byte[] bytes, TextRules rules) throws IOException {
    return TextLines.of(new ByteArrayInputStream(bytes), "in", rules);
  }

  private static TextLines of(String text) throws IOException {
    return of(text.getBytes(UTF_8), TextRules.ANY_SYNTAX);
  }

  @Test
  void readsAllKindsOfCharacters() throws IOException {
    String text = TEXT.repeat(20_000);
    assertEquals(text, of(text).readAll(1 << 30));
    assertEquals("", of("").readAll(1));
    String line = "世".repeat(100_000);
    TextLines lines = of(line + "\n" + line);
    assertEquals(line, lines.readLine(1 << 20));
    assertEquals(line, lines.readLine(1 << 20));
    assertNull(lines.readLine(1 << 20));
    assertEquals(2, lines.lines());
  }

  /** Compared with the definition, whatever the pieces the text comes in. */
  @Test
  void lineEndsAndByteOrderMark() throws IOException {
    Random random = TestFiles.random();
    String[] pieces = {"a", "é", "\r", "\n", "\r\n", "\r\r\n", "\n\r", " ", "\ufeff"};
    for (int round = 0; round < 300; round++) {
      StringBuilder built = new StringBuilder(random.nextBoolean() ? "\ufeff" : "");
      for (int i = random.nextInt(20); i > 0; i--) {
        built.append(pieces[random.nextInt(pieces.length)]);
      }
      String text = built.toString();
      String body = text.startsWith("\ufeff") ? text.substring(1) : text;
      boolean keep = random.nextBoolean();
      Content content = random.nextBoolean() ? Content.PROSE : Content.ANYTHING;
      TextLines lines =
          TextLines.of(slowly(text.getBytes(UTF_8), random), "in", new TextRules(content, keep));
      assertEquals(keep ? body : body.replace("\r\n", "\n"), lines.readAll(1000));
      int pairs = body.length() - body.replace("\r\n", "\n").length();
      int returns = body.length() - body.replace("\r", "").length();
      assertEquals(
          new Changes(!body.equals(text), keep ? 0 : pairs, returns - pairs, 0), lines.changes());
      assertEquals(text.getBytes(UTF_8).length, lines.bytesRead());
    }
  }

  private static InputStream slowly(byte[] bytes, Random random) {
    return new FilterInputStream(new ByteArrayInputStream(bytes)) {
      @Override
      public int read(byte[] into, int from, int length) throws IOException {
        return super.read(into, from, Math.min(length, 1 + random.nextInt(3)));
      }
    };
  }

  @Test
  void linesHaveNoLineEnds() throws IOException {
    TextLines lines = of("a\n\nü\r\nb\rc\nlast");
    List<String> read = new ArrayList<>();
    for (String line = lines.readLine(99); line != null; line = lines.readLine(99)) {
      read.add(line);
    }
    assertEquals(List.of("a", "", "ü", "b\rc", "last"), read);
    assertTrue(lines.waits());
  }

  @Test
  void namesTheFirstByteThatIsNotUtf8() throws IOException {
    assertMalformed(1, 3, "ab", 0xff, 'c');
    assertMalformed(1, 1, "", 0xc0, 0x80);
    assertMalformed(1, 2, "a", 0xed, 0xa0, 0x80);
    assertMalformed(2, 1, "ü\n", 0xe4, 0xb8);
  }

  private static void assertMalformed(int line, int position, String before, int... bytes)
      throws IOException {
    var all = new ByteArrayOutputStream();
    all.writeBytes(before.getBytes(UTF_8));
    for (int b : bytes) {
      all.write(b);
    }
    String message =
        "in: line %d is not UTF-8: invalid byte at position %d of the line; convert the text to UTF-8"
            .formatted(line, position);
    for (Content content : Content.values()) {
      TextLines whole = of(all.toByteArray(), new TextRules(content, false));
      var e = assertThrows(TokenizerException.class, () -> whole.readAll(99));
      assertEquals(message, e.getMessage());
    }
  }

  @Test
  void refusesMoreThanTheLimit() throws IOException {
    assertEquals("abc", of("abc").readAll(3));
    assertThrows(TokenizerException.class, () -> of("abcd").readAll(3));
    TextLines lines = of("abc\nabcd\n");
    assertEquals("abc", lines.readLine(4));
    var e = assertThrows(TokenizerException.class, () -> lines.readLine(4));
    assertTrue(
        String.valueOf(e.getMessage()).startsWith("in: line 2: more than 4 bytes"), e.toString());
  }

  @Test
  void refusesOtherKindsUnlessAsked() throws IOException {
    byte[] json = "{\"text\":\"a\"}\n".getBytes(UTF_8);
    var e = assertThrows(TextKindException.class, () -> of(json, TextRules.PROSE));
    assertEquals(
        "in: looks like JSON lines with the fields text, not plain text; write the texts to a text"
            + " file first, for example with jq -r '.text, \"<|endoftext|>\"'",
        e.getMessage());
    assertTrue(e.isReadable());
    assertEquals("{\"text\":\"a\"}", of(json, TextRules.ANY_SYNTAX).readLine(99));
    byte[] wide = "Once".getBytes(UTF_16LE);
    e = assertThrows(TextKindException.class, () -> of(wide, TextRules.ANY_SYNTAX));
    assertTrue(String.valueOf(e.getMessage()).contains("iconv -f UTF-16LE -t UTF-8"));
    assertEquals("O\0n\0c\0e\0", of(wide, new TextRules(Content.ANYTHING, false)).readAll(99));
    byte[] gzip = {0x1f, (byte) 0x8b, 8, 0};
    e = assertThrows(TextKindException.class, () -> of(gzip, TextRules.PROSE));
    assertFalse(e.isReadable());
  }

  @Test
  void filesByName() throws IOException {
    List<String> heard = new ArrayList<>();
    InputStream standardInput = new ByteArrayInputStream("a\r\nb\r\0".getBytes(UTF_8));
    TextFiles files =
        new TextFiles(
            new TextRules(Content.ANYTHING, false),
            standardInput,
            (name, changes) -> heard.add(name + " " + changes));
    Path text = Files.writeString(folder.resolve("text"), "\ufeffOnce\n");
    Path input = Path.of("-");
    files.check(List.of(text, input));
    assertThrows(TokenizerException.class, () -> files.check(List.of(input, text, input)));
    assertThrows(TokenizerException.class, () -> files.check(List.of(folder)));
    assertThrows(NoSuchFileException.class, () -> files.check(List.of(folder.resolve("none"))));
    assertEquals(8, files.size(List.of(text)));
    assertEquals(0, files.size(List.of(text, input)));
    for (Path file : List.of(text, input)) {
      try (TextLines lines = files.open(file)) {
        assertFalse(lines.readAll(99).isEmpty());
      }
    }
    assertThrows(TokenizerException.class, () -> files.open(input));
    assertEquals(
        List.of(
            text + " " + new Changes(true, 0, 0, 0),
            "standard input " + new Changes(false, 1, 1, 1)),
        heard);
  }

  @Test
  void tooManyDistinctWords() throws IOException {
    PreTokenizer.Settings gpt2 = new PreTokenizer.Settings(List.of(), false, true);
    WordCounter enough = new WordCounter(true, gpt2, 9);
    enough.read(of("ab ab\nab ab\n"), bytes -> {});
    WordCounter few = new WordCounter(true, gpt2, 5);
    var e =
        assertThrows(TokenizerException.class, () -> few.read(of("ab ab\nab cd\n"), bytes -> {}));
    assertEquals(
        "in: line 1: the distinct words exceed the maximum of 5 bytes; train on fewer texts",
        e.getMessage());
  }
}
