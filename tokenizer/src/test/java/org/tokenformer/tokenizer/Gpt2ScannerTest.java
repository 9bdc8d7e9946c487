package org.tokenformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class Gpt2ScannerTest {
  private static final Pattern GPT2 =
      Pattern.compile(
          "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          Pattern.UNICODE_CHARACTER_CLASS);

  private static List<String> scanned(String text) {
    ByteBuilder bytes = new ByteBuilder();
    int length = Utf8.encode(text, bytes);
    List<String> words = new ArrayList<>();
    int start = 0;
    while (start < length) {
      int end = Gpt2Scanner.next(bytes.array(), start, length);
      words.add(Utf8.decode(bytes.array(), start, end));
      start = end;
    }
    return words;
  }

  private static List<String> matched(String text) {
    List<String> words = new ArrayList<>();
    Matcher matcher = GPT2.matcher(text);
    while (matcher.find()) {
      words.add(matcher.group());
    }
    return words;
  }

  @Test
  void knownWords() {
    assertEquals(
        List.of(
            "Hello", ",", "  ", " world", "'s", " it", "'", "S", " ", "\n", "12", " 3", "!?",
            "\t "),
        scanned("Hello,   world's it'S \n12 3!?\t "));
  }

  @Test
  void asTheRegexOnRandomText() {
    Random random = TestFiles.random();
    for (int i = 0; i < 20_000; i++) {
      String text = TestFiles.text(random, 60, true).replaceAll("[\\ud800-\\udfff]", "");
      assertEquals(matched(text), scanned(text));
    }
  }

  @Test
  void asTheRegexOnEveryCharacter() {
    StringBuilder all = new StringBuilder();
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      if (c < 0xD800 || c > 0xDFFF) {
        all.append(c % 3 == 0 ? "a" : c % 3 == 1 ? "1" : " ").appendCodePoint(c);
      }
    }
    assertEquals(matched(all.toString()), scanned(all.toString()));
  }
}
