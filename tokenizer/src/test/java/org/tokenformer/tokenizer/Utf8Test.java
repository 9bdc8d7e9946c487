package org.tokenformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Utf8Test {
  /** From Unicode 16, tables 3-8 to 3-11, and the documentation of Rust's from_utf8_lossy. */
  @ParameterizedTest
  @CsvSource({
    "C0AFE080BFF0818241, ????????A",
    "EDA080EDBFBFEDAF41, ????????A",
    "F4919293FF4180BF42, ?????A??B",
    "E180E2F09192F1BF41, ????A",
    "48656C6C6F20F09080576F726C64, Hello ?World",
    "C3, ?",
    "C3A9E0A0, é?",
  })
  void maximalSubparts(String hex, String text) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    assertEquals(text.replace('?', '\uFFFD'), Utf8.decode(bytes, 0, bytes.length));
  }

  @Test
  void encodesAsJavaDoes() {
    Random random = TestFiles.random();
    for (int i = 0; i < 5000; i++) {
      String text = TestFiles.text(random, 300, true);
      // Java encodes an unpaired surrogate as '?'; Utf8 encodes it as U+FFFD.
      byte[] expected =
          text.codePoints()
              .map(c -> c >= 0xD800 && c <= 0xDFFF ? 0xFFFD : c)
              .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
              .toString()
              .getBytes(StandardCharsets.UTF_8);
      ByteBuilder bytes = new ByteBuilder();
      int length = Utf8.encode(text, bytes);
      HexFormat hex = HexFormat.of();
      assertEquals(hex.formatHex(expected), hex.formatHex(bytes.array(), 0, length));
      assertEquals(-1, Utf8.malformedAt(bytes.array(), 0, length));
    }
  }

  @Test
  void whatPrecedesAnUnfinishedEndDecodesTheSame() {
    Random random = TestFiles.random();
    int[] likely = {0x41, 0x80, 0xBF, 0xA0, 0x9F, 0xC2, 0xC3, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xF5};
    for (int i = 0; i < 50_000; i++) {
      byte[] bytes = new byte[random.nextInt(1, 9)];
      for (int j = 0; j < bytes.length; j++) {
        bytes[j] = (byte) likely[random.nextInt(likely.length)];
      }
      int cut = random.nextInt(bytes.length);
      int certain = cut - Utf8.unfinished(bytes, 0, cut);
      assertEquals(
          Utf8.decode(bytes, 0, bytes.length),
          Utf8.decode(bytes, 0, certain) + Utf8.decode(bytes, certain, bytes.length),
          HexFormat.of().formatHex(bytes) + " cut at " + cut);
    }
  }
}
