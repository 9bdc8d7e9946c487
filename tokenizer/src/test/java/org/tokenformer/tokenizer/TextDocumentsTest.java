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

class TextDocumentsTest {
  @Test
  void aLineThatIsTheSeparatorPartsDocuments() throws IOException {
    assertEquals(List.of("a\nb", "c"), documents("a\nb\n<|endoftext|>\nc\n"));
    assertEquals(List.of("a", "b"), documents("a\n<|endoftext|>\nb\n<|endoftext|>"));
    assertEquals(List.of("a"), documents("<|endoftext|>\n<|endoftext|>\na"));
  }

  @Test
  void onlyALineThatIsExactlyTheSeparatorDoes() throws IOException {
    for (String line :
        List.of(
            "<|endoftext|> ", " <|endoftext|>", "<|endoftext|>\r", "x<|endoftext|>", "<|endof")) {
      assertEquals(List.of("a\n" + line + "\nb"), documents("a\n" + line + "\nb\n"));
    }
  }

  @Test
  void aDocumentLosesOneNewlineAndAnEmptyOneIsLeftOut() throws IOException {
    assertEquals(List.of("a\n"), documents("a\n\n"));
    assertEquals(List.of("a\r"), documents("a\r\n"));
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
      TextDocuments documents = new TextDocuments(slow, "text");
      assertEquals(bySplitting(text.toString()), all(documents));
      assertEquals(bytes.length, documents.bytesRead());
    }
  }

  /** The definition once more, on a text that fits into memory. */
  private static List<String> bySplitting(String text) {
    List<String> documents = new ArrayList<>();
    for (String part : ("\n" + text + "\n").split("(?<=\n)<\\|endoftext\\|>(?=\n)", -1)) {
      String document = part.substring(1); // the newline that ends the separator
      document = document.endsWith("\n") ? document.substring(0, document.length() - 1) : document;
      documents.add(document);
    }
    // The last part had a newline added, not its own.
    int last = documents.size() - 1;
    String end = documents.get(last);
    documents.set(last, end.endsWith("\n") ? end.substring(0, end.length() - 1) : end);
    documents.removeIf(String::isEmpty);
    return documents;
  }

  @Test
  void whatIsNotUtf8IsRefusedWithItsLine() {
    TextDocuments documents =
        new TextDocuments(
            new ByteArrayInputStream("good\nb\u00e4d\n".getBytes(ISO_8859_1)), "tale.txt");
    TokenizerException e = assertThrows(TokenizerException.class, documents::next);
    assertEquals("tale.txt: line 2 is not UTF-8: bad byte 2 of the line", e.getMessage());
  }

  @Test
  void aDocumentHasALimit() throws IOException {
    InputStream in =
        new ByteArrayInputStream("12345678\n<|endoftext|>\n1234\n567890\n".getBytes(UTF_8));
    TextDocuments documents = new TextDocuments(in, "tale.txt", 24);
    assertEquals("12345678", documents.next());
    assertEquals("1234\n567890", documents.next());
    TextDocuments smaller =
        new TextDocuments(new ByteArrayInputStream("12\n345678\n".getBytes(UTF_8)), "t", 8);
    TokenizerException e = assertThrows(TokenizerException.class, smaller::next);
    assertEquals(
        "t: the document that ends after line 1 has more than 8 bytes; part it with lines of"
            + " <|endoftext|>",
        e.getMessage());
  }

  private static List<String> documents(String text) throws IOException {
    return all(new TextDocuments(new ByteArrayInputStream(text.getBytes(UTF_8)), "text"));
  }

  private static List<String> all(TextDocuments documents) throws IOException {
    List<String> all = new ArrayList<>();
    for (String document = documents.next(); document != null; document = documents.next()) {
      all.add(document);
    }
    return all;
  }
}
