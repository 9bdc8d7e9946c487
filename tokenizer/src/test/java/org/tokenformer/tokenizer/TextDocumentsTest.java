package org.tokenformer.tokenizer;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.tokenformer.tokenizer.TextDocuments.Pieces;

class TextDocumentsTest {
  private static final Pieces WHOLE = new Pieces(false, 1, 1 << 20);

  @Test
  void aLineThatIsTheSeparatorSeparatesDocuments() throws IOException {
    assertEquals(List.of("a\nb", "c"), documents("a\nb\n<|endoftext|>\nc\n"));
    assertEquals(List.of("a", "b"), documents("a\n<|endoftext|>\nb\n<|endoftext|>"));
    assertEquals(List.of("a"), documents("<|endoftext|>\n<|endoftext|>\na"));
  }

  @Test
  void onlyALineThatIsExactlyTheSeparatorDoes() throws IOException {
    for (String line :
        List.of(
            "<|endoftext|> ", " <|endoftext|>", "<|endoftext|>\rx", "x<|endoftext|>", "<|endof")) {
      assertEquals(List.of("a\n" + line + "\nb"), documents("a\n" + line + "\nb\n"));
    }
  }

  @Test
  void aDocumentLosesOneNewlineAndAnEmptyOneIsLeftOut() throws IOException {
    assertEquals(List.of("a\n"), documents("a\n\n"));
    assertEquals(List.of("a"), documents("a\r\n"));
    assertEquals(List.of("\n"), documents("\n\n"));
    assertEquals(List.of("a", "b"), documents("a\n<|endoftext|>\n\n<|endoftext|>\nb"));
    assertEquals(List.of(), documents(""));
    assertEquals(List.of(), documents("\n"));
    assertEquals(List.of(), documents("<|endoftext|>\n"));
  }

  @Test
  void whereTheInputIsCutMakesNoDifference() throws IOException {
    Random random = TestFiles.random();
    String[] pieces = {
      "a", "é", "😀", "\n", "\n<|endoftext|>\n", "<|endoftext|>", " ", "x".repeat(70_000)
    };
    for (int round = 0; round < 200; round++) {
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(30); i > 0; i--) {
        text.append(pieces[random.nextInt(random.nextInt(20) == 0 ? pieces.length : 7)]);
      }
      byte[] bytes = text.toString().getBytes(UTF_8);
      InputStream slow =
          new FilterInputStream(new ByteArrayInputStream(bytes)) {
            @Override
            public int read(byte[] into, int from, int length) throws IOException {
              return super.read(into, from, Math.min(length, 1 + random.nextInt(5)));
            }
          };
      boolean divide = random.nextBoolean();
      Pieces how = new Pieces(divide, 1 << random.nextInt(10), 1 << 30);
      TextLines lines = TextLines.of(slow, "text", TextRules.PROSE);
      TextDocuments documents = new TextDocuments(lines, how);
      assertEquals(bySplitting(text.toString()), all(documents));
      assertEquals(bytes.length, lines.bytesRead());
    }
  }

  @Test
  void aLongDocumentIsCutAtSingleNewlines() throws IOException {
    String text = "a\nb\n\nc\n d\ne \nf\n\ng\r\nh\n\u3000i\u2003\n数\n据\n<|endoftext|>\nj\nk\n";
    List<String> cut =
        List.of("a\n", "b\n\nc\n d\n", "e \nf\n\ng\n", "h\n\u3000i\u2003\n数\n", "据", "j\n", "k");
    assertEquals(cut, pieces(text, new Pieces(true, 1, 100)));
    List<String> whole = List.of(String.join("", cut.subList(0, 5)), "j\nk");
    assertEquals(whole, pieces(text, new Pieces(true, 100, 100)));
    assertEquals(whole, pieces(text, new Pieces(false, 1, 100)));
  }

  private static List<String> pieces(String text, Pieces how) throws IOException {
    TextDocuments documents = new TextDocuments(lines(text.getBytes(UTF_8), "text"), how);
    List<String> pieces = new ArrayList<>();
    while (documents.next()) {
      pieces.add(new String(documents.bytes(), 0, documents.length(), UTF_8));
    }
    return pieces;
  }

  /** Implements the definition directly, for a text that fits into memory. */
  private static List<String> bySplitting(String text) {
    List<String> documents = new ArrayList<>();
    for (String part : ("\n" + text + "\n").split("(?<=\n)<\\|endoftext\\|>(?=\n)", -1)) {
      String document = part.substring(1); // the newline that ends the separator
      document = document.endsWith("\n") ? document.substring(0, document.length() - 1) : document;
      documents.add(document);
    }
    // The last part ends with an added newline, not its own.
    int last = documents.size() - 1;
    String end = documents.get(last);
    documents.set(last, end.endsWith("\n") ? end.substring(0, end.length() - 1) : end);
    documents.removeIf(String::isEmpty);
    return documents;
  }

  @Test
  void whatIsNotUtf8IsRefusedWithItsLine() throws IOException {
    TextDocuments documents =
        new TextDocuments(lines("good\nb\u00e4d\n".getBytes(ISO_8859_1), "tale.txt"), WHOLE);
    TokenizerException e = assertThrows(TokenizerException.class, documents::next);
    assertEquals(
        "tale.txt: line 2 is not UTF-8: invalid byte at position 2 of the line; convert the text to UTF-8",
        e.getMessage());
  }

  @Test
  void aPieceHasALimit() throws IOException {
    byte[] text = "12345678\n<|endoftext|>\n1234\n567890\n".getBytes(UTF_8);
    assertEquals(List.of("12345678", "1234\n567890"), all(documents(text, false, 23)));
    assertThrows(TokenizerException.class, documents(text, false, 22)::next);
    TextDocuments tooSmall = documents("12\n345678\n".getBytes(UTF_8), false, 8);
    TokenizerException e = assertThrows(TokenizerException.class, tooSmall::next);
    assertEquals(
        "t: line 2: more than 8 bytes must be read at once; split the text into lines, or into"
            + " documents separated by <|endoftext|> lines",
        e.getMessage());
    byte[] lines = "12\n".repeat(1000).getBytes(UTF_8);
    assertEquals(2999, all(documents(lines, true, 9)).getFirst().length());
  }

  private static TextLines lines(byte[] text, String name) throws IOException {
    return TextLines.of(new ByteArrayInputStream(text), name, TextRules.PROSE);
  }

  private static TextDocuments documents(byte[] text, boolean divide, int largest)
      throws IOException {
    return new TextDocuments(lines(text, "t"), new Pieces(divide, 4, largest));
  }

  private static List<String> documents(String text) throws IOException {
    return all(new TextDocuments(lines(text.getBytes(UTF_8), "text"), WHOLE));
  }

  private static List<String> all(TextDocuments documents) throws IOException {
    List<String> all = new ArrayList<>();
    StringBuilder document = new StringBuilder();
    while (documents.next()) {
      document.append(new String(documents.bytes(), 0, documents.length(), UTF_8));
      if (documents.endsDocument()) {
        all.add(document.toString());
        document.setLength(0);
      }
    }
    assertEquals(0, document.length(), "the last piece ends a document");
    return all;
  }
}
