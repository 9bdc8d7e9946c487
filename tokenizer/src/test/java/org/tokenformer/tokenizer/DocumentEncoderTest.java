package org.tokenformer.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import it.unimi.dsi.fastutil.ints.IntList;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.StringReader;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.tokenformer.tokenizer.TextDocuments.Pieces;

class DocumentEncoderTest {
  @Test
  void theIdsOfEachDocumentAndTheEndOfTextId() throws IOException {
    Tokenizer tokenizer = TestFiles.tokenizer("base");
    int end = tokenizer.endOfTextId().orElseThrow();
    IntArrayList expected = new IntArrayList();
    tokenizer.encode("Once upon a time\nthere was", expected);
    expected.add(end);
    tokenizer.encode(" a king.", expected);
    expected.add(end);

    TextLines in = lines("Once upon a time\nthere was\n<|endoftext|>\n a king.\n");
    DocumentEncoder encoder = new DocumentEncoder(tokenizer, in);
    IntArrayList ids = new IntArrayList();
    int documents = 0;
    while (encoder.next()) {
      ids.addAll(encoder.ids());
      assertTrue(encoder.endsDocument());
      documents++;
    }
    assertEquals(expected, ids);
    assertEquals(2, documents);
    assertEquals(50, encoder.bytesRead());
    assertFalse(encoder.next());
  }

  /** Covers tokenizers for which a document can be cut, and others. */
  @Test
  void whatComesInPiecesHasTheIdsOfTheWhole() throws IOException {
    Random random = TestFiles.random();
    for (String golden :
        List.of(
            "base",
            "flags",
            "words",
            "eaten",
            "no-normalizer",
            "prefix-space",
            "no-regex",
            "gpt4o",
            "missing-bytes",
            "ignore-merges")) {
      Tokenizer tokenizer = TestFiles.tokenizer(golden);
      int pieces = 0;
      for (int round = 0; round < 60; round++) {
        String text = lines(random);
        IntArrayList expected = new IntArrayList();
        tokenizer.encode(text, expected);
        expected.add(tokenizer.endOfTextId().orElseThrow());
        Pieces how = new Pieces(tokenizer.dividesAtNewlines(), 1 + random.nextInt(20), 1 << 20);
        var encoder = new DocumentEncoder(tokenizer, lines(text), how);
        IntList ids = new IntArrayList();
        while (encoder.next()) {
          ids.addAll(encoder.ids());
          pieces++;
        }
        assertEquals(expected, ids, () -> golden + ": " + text);
      }
      boolean divides =
          List.of("base", "no-normalizer", "missing-bytes", "ignore-merges").contains(golden);
      assertEquals(divides, pieces > 60, golden);
    }
  }

  /** Returns some lines of one document, joined by newlines and other separators. */
  private static String lines(Random random) {
    String[] ends = {
      "\n", "\n", "\n", "\n\n", " \n", "\n ", "\r\n", "\n<|endoftext|>", "<|padding|>\n", "\n\u0301"
    };
    StringBuilder text = new StringBuilder("x");
    for (int i = random.nextInt(20); i > 0; i--) {
      String line = TestFiles.text(random, 30, true);
      text.append(line.codePoints().anyMatch(c -> c >= 0xD800 && c < 0xE000) ? "surrogate" : line);
      text.append(ends[random.nextInt(ends.length)]);
    }
    return text.append("x").toString().replaceAll("(?m)^<\\|endoftext\\|>$", "");
  }

  @Test
  void aTokenizerHasToHaveTheEndOfTextToken() throws IOException {
    Tokenizer tokenizer =
        Tokenizer.fromJson(
            new StringReader(
                """
                {"added_tokens": [], "normalizer": null, "decoder": {"type": "ByteLevel"},
                 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
                 "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}
                """));
    TokenizerException e =
        assertThrows(TokenizerException.class, () -> new DocumentEncoder(tokenizer, lines("a")));
    assertEquals(
        "the tokenizer has no special token <|endoftext|>, which must follow each document; use a"
            + " tokenizer that has it",
        e.getMessage());
  }

  private static TextLines lines(String text) throws IOException {
    var in = new ByteArrayInputStream(text.getBytes(UTF_8));
    return TextLines.of(in, "text", new TextRules(TextRules.Content.PROSE, true));
  }
}
